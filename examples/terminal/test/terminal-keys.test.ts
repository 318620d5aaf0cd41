import { describe, expect, test } from "vitest";
import { keySequence, withControl } from "../page/terminal-keys.ts";

const PLAIN = { control: false, applicationCursor: false };

describe("keySequence", () => {
  test.each([
    ["Escape", "\x1b"],
    ["Tab", "\t"],
    ["ArrowUp", "\x1b[A"],
    ["ArrowDown", "\x1b[B"],
    ["ArrowRight", "\x1b[C"],
    ["ArrowLeft", "\x1b[D"],
    ["Hyper", ""],
  ])("of %s is %j", (key, sequence) => expect(keySequence(key, PLAIN)).toBe(sequence));

  test("of an arrow follows the application cursor mode", () =>
    expect(keySequence("ArrowUp", { ...PLAIN, applicationCursor: true })).toBe("\x1bOA"));

  test("of an arrow carries Ctrl", () => {
    expect(keySequence("ArrowLeft", { ...PLAIN, control: true })).toBe("\x1b[1;5D");
    expect(keySequence("ArrowLeft", { control: true, applicationCursor: true })).toBe("\x1b[1;5D");
  });
});

describe("withControl", () => {
  test.each([
    ["c", "\x03"],
    ["C", "\x03"],
    ["[", "\x1b"],
    ["_", "\x1f"],
    ["@", "\0"],
    [" ", "\0"],
    ["?", "\x7f"],
  ])("turns %j into %j", (text, control) => expect(withControl(text)).toBe(control));

  test.each(["1", "ä", "\r", "{"])("leaves %j", (text) => expect(withControl(text)).toBe(text));
});
