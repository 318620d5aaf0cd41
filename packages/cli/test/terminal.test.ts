import { afterEach, describe, expect, test, vi } from "vitest";
import { Terminal } from "../src/terminal/terminal.ts";
import { FakeTerminal } from "./support.ts";

afterEach(() => {
  vi.useRealTimers();
});

const SEEN = { echo: true };
const HIDDEN = { echo: false };

describe("a question at the terminal", () => {
  test("shows the answer as it is typed", async () => {
    const fake = new FakeTerminal("yes\r");
    expect(await fake.terminal.ask("Really? ", SEEN)).toBe("yes");
    expect(fake.shown).toBe("Really? yes\n");
    expect(fake.raw).toBe(false);
  });

  test("shows nothing of a hidden answer, even when it is edited", async () => {
    const fake = new FakeTerminal("se\x7f\x15\x1b[Asecret\t\r");
    expect(await fake.terminal.ask("Password: ", HIDDEN)).toBe("[Asecret");
    expect(fake.shown).toBe("Password: \n");
  });

  test("disables echo before it shows the prompt", async () => {
    const fake = new FakeTerminal();
    void fake.terminal.ask("Password: ", HIDDEN);
    expect(fake.raw).toBe(true);
    fake.emit("data", Buffer.from("x\n"));
    expect(fake.raw).toBe(false);
  });

  test.each([
    ["ab\x7fc\r", "ac", "ab\b \bc\n"],
    ["ab\bc\r", "ac", "ab\b \bc\n"],
    ["\x7f\x7fa\r", "a", "a\n"],
    ["abc\x15d\r", "d", "abc\b \b\b \b\b \bd\n"],
    ["é🙂\x7f!\n", "é!", "é🙂\b \b!\n"],
    ["a\x04b\r", "ab", "ab\n"],
  ])("edits the answer: %j", async (typed, answer, shown) => {
    const fake = new FakeTerminal(typed);
    expect(await fake.terminal.ask("", SEEN)).toBe(answer);
    expect(fake.shown).toBe(shown);
  });

  test("accepts a character that arrives in pieces", async () => {
    const fake = new FakeTerminal();
    const asked = fake.terminal.ask("", SEEN);
    for (const byte of Buffer.from("é\r")) fake.emit("data", Buffer.of(byte));
    expect(await asked).toBe("é");
  });

  test.each<[string, (fake: FakeTerminal) => void]>([
    ["in the system", (fake) => (fake.waiting = "yes\r")],
    ["in the stream", (fake) => (fake.unread = Buffer.from("yes\r"))],
    ["half a character in the stream", (fake) => (fake.unread = Buffer.of(0xc3))],
  ])("ignores input typed before it: %s", async (_, type) => {
    const fake = new FakeTerminal("no\r");
    type(fake);
    expect(await fake.terminal.ask("Really? ", SEEN)).toBe("no");
    expect(fake.shown).toBe("Really? no\n");
  });

  test("ignores input typed before it where the system cannot discard it", async () => {
    vi.useFakeTimers();
    const fake = new FakeTerminal();
    let shown = "";
    const write = (text: string): void => void (shown += text);
    const terminal = new Terminal(fake, { write });
    const asked = terminal.ask("Really? ", SEEN);
    expect(fake.raw).toBe(true);
    for (let piece = 0; piece < 5; piece++) {
      fake.emit("data", Buffer.from("yes\r"));
      await vi.advanceTimersByTimeAsync(15);
      expect(shown).toBe("");
    }
    await vi.advanceTimersByTimeAsync(15);
    expect(shown).toBe("Really? ");
    fake.emit("data", Buffer.from("no\r"));
    expect(await asked).toBe("no");
    expect(shown).toBe("Really? no\n");
  });

  test("does not wait for an end of input that has come before it, or that never comes", async () => {
    vi.useFakeTimers();
    const ended = new FakeTerminal();
    const asked = new Terminal(ended, { write() {} }).ask("Really? ", SEEN);
    ended.emit("end");
    await expect(asked).rejects.toMatchObject({ code: "auth-cancelled" });
    expect(ended.raw).toBe(false);

    const endless = new FakeTerminal();
    let shown = "";
    const write = (text: string): void => void (shown += text);
    void new Terminal(endless, { write }).ask("Really? ", SEEN).catch(() => {});
    // Beyond 1 MiB, input no longer postpones the question.
    for (let piece = 0; piece < 12; piece++) {
      endless.emit("data", Buffer.alloc(100_000, "x"));
      await vi.advanceTimersByTimeAsync(15);
    }
    expect(shown).toMatch(/^Really\? /);
  });

  test("ignores input typed together with the previous answer", async () => {
    const fake = new FakeTerminal("one\rtwo\rthr", "2\r", "3\rls\r");
    expect(await fake.terminal.ask("1: ", HIDDEN)).toBe("one");
    expect(await fake.terminal.ask("2: ", HIDDEN)).toBe("2");
    expect(await fake.terminal.ask("3: ", HIDDEN)).toBe("3");
    expect(fake.terminal.close()).toBe("ls\r");
  });

  test("does not join half a character typed before it with its answer", async () => {
    const fake = new FakeTerminal();
    const first = fake.terminal.ask("1: ", HIDDEN);
    fake.emit("data", Buffer.of(0x31, 0x0d, 0xc3));
    expect(await first).toBe("1");
    const second = fake.terminal.ask("2: ", HIDDEN);
    fake.emit("data", Buffer.from("2\r"));
    expect(await second).toBe("2");
  });

  test("returns input typed after the last answer on close", async () => {
    const fake = new FakeTerminal("secret\rl");
    await fake.terminal.ask("Password: ", HIDDEN);
    fake.unread = Buffer.from("s é\r");
    expect(fake.terminal.close()).toBe("ls é\r");
  });

  test("truncates an endless answer", async () => {
    const fake = new FakeTerminal(`${"x".repeat(100_000)}\r`);
    expect(await fake.terminal.ask("", HIDDEN)).toHaveLength(8192);
  });

  test.each([
    ["^C", "abc\x03", 1],
    ["^D", "\x04", 0],
    ["the end of the input", undefined, 0],
  ])("rejects with auth-cancelled on %s", async (_, typed, interrupts) => {
    const fake = new FakeTerminal(typed);
    await expect(fake.terminal.ask("Password: ", HIDDEN)).rejects.toMatchObject({ code: "auth-cancelled" });
    expect(fake.raw).toBe(false);
    expect(fake.listenerCount("data")).toBe(0);
    expect(fake.listenerCount("end")).toBe(0);
    // Only ^C interrupts the other programs at the terminal.
    expect(fake.interrupts).toBe(interrupts);
  });
});
