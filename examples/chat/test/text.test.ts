import { describe, expect, test } from "vitest";
import { MAX_NAME, MAX_TEXT, parseName, parseText, printable } from "../src/text.ts";

describe("parseName", () => {
  test.each([
    ["Alice", "alice"],
    ["Zoë", "zoë"],
    ["ＡＬＩＣＥ", "alice"],
    ["李雷", "李雷"],
    ["a.b_c-1", "a.b_c-1"],
  ])("spells %s as %s", (raw, name) => {
    expect(parseName(raw)).toBe(name);
    expect(parseName(name)).toBe(name);
  });

  test.each([
    ["the empty name", ""],
    ["white space", "a b"],
    ["a leading dash", "-a"],
    ["an asterisk", "*"],
    ["HTML", "<b>"],
    ["an escape sequence", "a\x1b[2J"],
    ["a line feed", "a\nb"],
    ["a bidirectional override", "a\u202eb"],
    ["a letter without a shape", "\u3164"],
    ["a joiner", "a\u200db"],
    ["half of a surrogate pair", "a\ud83d"],
    ["a name that is too long", "a".repeat(MAX_NAME + 1)],
    ["a name that grows beyond the limit when normalized", "\ufdfa".repeat(2)],
  ])("rejects %s", (_, raw) => expect(parseName(raw)).toBeUndefined());

  test("accepts a name of the maximum length", () => expect(parseName("a".repeat(MAX_NAME))).toHaveLength(MAX_NAME));
});

describe("parseText", () => {
  test.each([
    ["keeps HTML as text", "<b onclick=x>&amp;</b>", "<b onclick=x>&amp;</b>"],
    ["removes escape sequences", "a\x1b[31mb\x9b2Jc\x07", "a[31mb2Jc"],
    ["makes one line of several", "a\r\nb\u2028c\td", "a b c d"],
    ["collapses white space", "  a \u00a0  b ", "a b"],
    ["removes bidirectional overrides", "a\u202eb\u2066c", "abc"],
    ["keeps joined emoji", "👩‍👩‍👧", "👩‍👩‍👧"],
    ["removes halves of surrogate pairs", "a\ud83db", "ab"],
    ["returns an empty text for control characters only", "\x00\x1b\x7f", ""],
    ["returns an empty text for invisible characters only", "\u200d\ufe0f\u3164\u2065", ""],
    ["keeps the colour of emoji", "❤️", "❤️"],
  ])("%s", (_, raw, text) => {
    expect(parseText(raw)).toBe(text);
    expect(parseText(text)).toBe(text);
  });

  test("counts code points, up to the maximum", () => {
    expect(parseText("😀".repeat(MAX_TEXT))).toBe("😀".repeat(MAX_TEXT));
    expect(parseText("😀".repeat(MAX_TEXT + 1))).toBeUndefined();
    expect(parseText(" ".repeat(MAX_TEXT * 5))).toBeUndefined();
  });
});

test("no control or invisible character passes `printable`", () => {
  for (const [from, to] of [
    [0, 0x1f],
    [0x7f, 0x9f],
    [0x200e, 0x200f],
    [0x2028, 0x202e],
    [0x2060, 0x206f],
  ] as const) {
    for (let code = from; code <= to; code++) expect(printable(String.fromCharCode(code))).toBe("\ufffd");
  }
  expect(printable("a\x1b[2Jb")).toBe("a\ufffd[2Jb");
});
