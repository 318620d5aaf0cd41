import { describe, expect, test } from "vitest";
import { readTerminalModes, terminalModeWords } from "../src/terminal/terminal-mode-words.ts";

describe("terminalModeWords", () => {
  test.each<[Record<string, number>, string]>([
    [{}, ""],
    [{ VINTR: 3, VERASE: 127, VKILL: 0, VSTART: 255 }, "intr ^C erase ^? kill ^@ start undef"],
    [{ VQUIT: 0x1c, VEOF: 0x21, VSUSP: 0x7e }, "quit ^\\ eof ! susp ~"],
    [{ ECHO: 0, ICANON: 1, OPOST: 7 }, "icanon -echo opost"],
    // Spaces and characters outside ASCII are omitted, so the system's setting remains.
    [{ VINTR: 32, VQUIT: 128, VEOF: 0xffff_ffff }, ""],
    [{ TTY_OP_ISPEED: 38400, CS8: 1, PARENB: 0, VDSUSP: 25, "99": 1, IUCLC: 1 }, ""],
  ])("%j", (modes, expected) => {
    expect(terminalModeWords(modes).join(" ")).toBe(expected);
  });
});

describe("readTerminalModes", () => {
  test("reads what GNU prints", () => {
    const text = `speed 38400 baud; rows 24; columns 80; line = 0;
intr = ^X; quit = ^\\; erase = ^H; kill = ^U; eof = !; eol = <undef>; eol2 = M-^?; start = ^?; min = 1; time = 0;
-parenb -parodd cs8 -ignpar -parmrk icrnl -ixon -iutf8
isig -echo echoe -echok tostop`;
    expect(readTerminalModes(text)).toEqual({
      VINTR: 24,
      VQUIT: 28,
      VERASE: 8,
      VKILL: 21,
      VEOF: 33,
      VEOL: 255,
      VSTART: 127,
      IGNPAR: 0,
      PARMRK: 0,
      ICRNL: 1,
      IXON: 0,
      IUTF8: 0,
      ISIG: 1,
      ECHO: 0,
      ECHOE: 1,
      ECHOK: 0,
      TOSTOP: 1,
    });
  });

  test("reads what BSD prints", () => {
    const text = `speed 9600 baud; 24 rows; 80 columns;
lflags: icanon -isig
cchars: discard = ^O; eof = ^D; eol = <undef>;
\terase = ^?; intr = ^C;`;
    expect(readTerminalModes(text)).toEqual({ ICANON: 1, ISIG: 0, VEOF: 4, VEOL: 255, VERASE: 127, VINTR: 3 });
  });

  test("reads nothing elsewhere", () => expect(readTerminalModes("")).toEqual({}));
});
