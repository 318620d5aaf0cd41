import { describe, expect, test } from "vitest";
import { terminalModeWords } from "../src/terminal/terminal-mode-words.ts";

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
