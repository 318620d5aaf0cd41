import { describe, expect, test } from "vitest";
import { LineEditor, PlainLines, type Terminal, type TerminalActions } from "../src/line-editor.ts";
import { MAX_TEXT } from "../src/text.ts";

/** Records the callbacks of a terminal. */
class Recorder implements TerminalActions {
  written = "";
  readonly lines: string[] = [];
  leaves = 0;

  write(text: string): void {
    this.written += text;
  }

  line(text: string): void {
    this.lines.push(text);
  }

  leave(): void {
    this.leaves++;
  }

  /** Returns and clears the text written since the last call. */
  take(): string {
    const { written } = this;
    this.written = "";
    return written;
  }

  /** Text in the bottom row of the terminal. */
  get row(): string {
    return this.written.split("\r\x1b[K").at(-1) ?? "";
  }
}

function editor(columns = 80): { actions: Recorder; terminal: LineEditor; readonly type: (keys: string) => void } {
  const actions = new Recorder();
  const terminal = new LineEditor(actions, columns);
  return { actions, terminal, type: (keys) => terminal.receive(new TextEncoder().encode(keys)) };
}

function plain(): { actions: Recorder; terminal: Terminal; readonly type: (text: string) => void } {
  const actions = new Recorder();
  const terminal = new PlainLines(actions);
  return { actions, terminal, type: (text) => terminal.receive(new TextEncoder().encode(text)) };
}

describe("LineEditor", () => {
  test("echoes typed text after a prompt", () => {
    const { actions, type } = editor();
    expect(actions.take()).toBe("> ");
    type("h");
    expect(actions.take()).toBe("\r\x1b[K> h");
    type("i");
    expect(actions.row).toBe("> hi");
  });

  test.each(["\r", "\n", "\r\n"])("passes on a line that ends with %j, and no empty line", (end) => {
    const { actions, type } = editor();
    type(`hello${end}${end}  ${end}`);
    expect(actions.lines).toEqual(["hello"]);
    expect(actions.row).toBe("> ");
  });

  test.each(["\x7f", "\b"])("erases a character with %j", (key) => {
    const { actions, type } = editor();
    type(`ab${key}c\r`);
    type(`${key}${key}x\r`);
    expect(actions.lines).toEqual(["ac", "x"]);
  });

  test("erases an emoji of several code points at once", () => {
    const { actions, type } = editor();
    type("a👩‍👩‍👧\x7fe\u0301\x7fb\r");
    expect(actions.lines).toEqual(["ab"]);
  });

  test("erases a word with Ctrl-W and the line with Ctrl-U", () => {
    const { actions, type } = editor();
    type("one two  \x17three\r");
    type("one two\x15three\r");
    expect(actions.lines).toEqual(["one three", "three"]);
  });

  test("joins characters that arrive in pieces", () => {
    const { actions, terminal, type } = editor();
    for (const byte of new TextEncoder().encode("é😀")) terminal.receive(Uint8Array.of(byte));
    type("\r");
    expect(actions.lines).toEqual(["é😀"]);
  });

  test.each([
    ["an arrow key", "\x1b[A"],
    ["an arrow key of the application mode", "\x1bOA"],
    ["a key with modifiers", "\x1b[1;5C"],
    ["Alt and a letter", "\x1bf"],
    ["Delete", "\x1b[3~"],
    ["other control characters", "\x00\x01\x07\x1d\x1f"],
  ])("ignores %s, also in pieces", (_, keys) => {
    const { actions, type } = editor();
    type("a");
    for (const key of keys) type(key);
    type("b\r");
    expect(actions.lines).toEqual(["ab"]);
  });

  test("leaves with Ctrl-C, once, and shows no prompt afterwards", () => {
    const { actions, terminal, type } = editor();
    type("hello");
    actions.take();
    type("\x03\x03x\r");
    expect(actions.leaves).toBe(1);
    terminal.print("* bye");
    expect(actions.take()).toBe("\r\x1b[K\r\x1b[K* bye\r\n");
    expect(actions.lines).toEqual([]);
  });

  test("leaves with Ctrl-D on an empty line only", () => {
    const { actions, type } = editor();
    type("a\x04\x7f");
    expect(actions.leaves).toBe(0);
    type("\x04");
    expect(actions.leaves).toBe(1);
  });

  test("leaves at the end of the input", () => {
    const { actions, terminal } = editor();
    terminal.end();
    expect(actions.leaves).toBe(1);
  });

  test("redraws the input line below a message that arrives", () => {
    const { actions, terminal, type } = editor();
    type("hel");
    actions.take();
    terminal.print("bob: hi");
    expect(actions.take()).toBe("\r\x1b[Kbob: hi\r\n> hel");
    type("lo\r");
    expect(actions.lines).toEqual(["hello"]);
  });

  test.each([
    ["ASCII", "abcdefghij", "> fghij"],
    ["wide characters", "漢字漢字漢字", "> 漢字"],
    ["combining marks", "a\u0301".repeat(5), `> ${"a\u0301".repeat(5)}`],
  ])("shows the end of a line that does not fit in the row: %s", (_, text, row) => {
    const { actions, type } = editor(8);
    type(text);
    expect(actions.row).toBe(row);
    type("\r");
    expect(actions.lines).toEqual([text]);
  });

  test("uses the new width after a change of size", () => {
    const { actions, terminal, type } = editor(8);
    type("abcdefghi");
    terminal.columns = 80;
    type("j");
    expect(actions.row).toBe("> abcdefghij");
  });

  test("accepts lines on a terminal without columns", () => {
    for (const columns of [0, 1, 2, 3]) {
      const { actions, type } = editor(columns);
      type("abc\r");
      expect(actions.lines).toEqual(["abc"]);
    }
  });

  test("rings the bell at the maximum length", () => {
    const { actions, type } = editor();
    type("a".repeat(MAX_TEXT));
    expect(actions.take()).not.toContain("\x07");
    type("b");
    expect(actions.take()).toContain("\x07");
    type("\r");
    expect(actions.lines).toEqual(["a".repeat(MAX_TEXT)]);
  });

  test("echoes no control or format character", () => {
    const { actions, type } = editor();
    actions.take();
    type("a\u009b2Jb\u202ec\u2028d");
    expect(actions.take()).toBe("\r\x1b[K> a2Jb\ufffdc\ufffdd");
  });

  test("erases a long line of combining marks with Backspace", () => {
    const { actions, type } = editor();
    type(`a${"\u0301".repeat(MAX_TEXT)}${"\x7f".repeat(MAX_TEXT)}b\r`);
    expect(actions.lines).toEqual(["b"]);
  });
});

describe("PlainLines", () => {
  test("passes on lines in any pieces, without an echo", () => {
    const { actions, terminal, type } = plain();
    type("one\ntw");
    type("o\n\nthr");
    type("ee");
    expect(actions.lines).toEqual(["one", "two"]);
    terminal.end();
    expect(actions.lines).toEqual(["one", "two", "three"]);
    expect(actions.leaves).toBe(1);
    expect(actions.written).toBe("");
  });

  test("prints lines unchanged", () => {
    const { actions, terminal } = plain();
    terminal.print("bob: hi");
    expect(actions.written).toBe("bob: hi\n");
  });

  test("truncates an endless line to a length that the room still refuses", () => {
    const { actions, type } = plain();
    for (let i = 0; i < 100; i++) type("a".repeat(1000));
    type("\nb\n");
    expect(actions.lines.map(({ length }) => length)).toEqual([MAX_TEXT * 4 + 1, 1]);
  });

  test("passes on nothing after the end of the visit", () => {
    const { actions, terminal, type } = plain();
    terminal.close();
    type("a\n");
    expect(actions.lines).toEqual([]);
  });
});
