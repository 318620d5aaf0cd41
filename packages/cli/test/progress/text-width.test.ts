import { describe, expect, test } from "vitest";
import { fitText, textWidth } from "../../src/cp/text-width.ts";

describe("textWidth", () => {
  test.each([
    ["", 0],
    ["abc", 3],
    ["日本", 4],
    ["한국", 4],
    ["ａ", 2],
    ["ｱ", 1],
    ["e\u0301", 1],
    ["é", 1],
    ["😀", 2],
    ["☺", 1],
    ["𠀋", 2],
    ["…", 1],
    ["ᄒ\u1161\u11ab", 2],
  ])("of %j is %d", (text, width) => {
    expect(textWidth(text)).toBe(width);
  });
});

describe("fitText", () => {
  test.each([
    ["abc", 5, "abc  "],
    ["abc", 3, "abc"],
    ["abcdef", 4, "…def"],
    ["日本語", 5, "…本語"],
    // A wide character does not fit into one column.
    ["日本語", 4, "…語 "],
    ["xxe\u0301z", 2, "…z"],
    ["abc", 1, "…"],
    ["abc", 0, ""],
    ["ab\u0301", 1, "…"],
  ])("puts %j into %d columns as %j", (text, width, expected) => {
    expect(fitText(text, width)).toBe(expected);
  });

  test("always takes exactly the width", () => {
    const characters = ["a", "日", "😀", "\u0301", "é", "한"];
    for (let seed = 1; seed < 2000; seed++) {
      const text = Array.from({ length: seed % 13 }, (_, i) => characters[(seed * (i + 7) * 31) % characters.length]);
      const width = (seed * 7) % 20;
      expect([text, width, textWidth(fitText(text.join(""), width))]).toEqual([text, width, width]);
    }
  });
});
