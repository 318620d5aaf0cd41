import { matchesName } from "@nacre/files";
import { describe, expect, test } from "vitest";
import { quoteWord, scanWords, splitWords } from "../../src/sftp/words.ts";

const texts = (line: string): string[] => splitWords(line).map(({ text }) => text);
const patterns = (line: string): string[] => splitWords(line).map(({ pattern }) => pattern);

describe("splitWords", () => {
  test.each<[string, string[]]>([
    ["", []],
    ["  get \t a  ", ["get", "a"]],
    ["get a\\ b", ["get", "a b"]],
    ["get 'a b' \"c d\"", ["get", "a b", "c d"]],
    ["a'b c'd", ["ab cd"]],
    ['""', [""]],
    ["'it\\'s'", ["it's"]],
    ['"a\'b"', ["a'b"]],
    ['"a\\nb"', ["a\\nb"]],
    ['"a\\\\b"', ["a\\\\b"]],
    ["a\\nb", ["anb"]],
    ["a\\", ["a\\"]],
    ["ls # comment", ["ls"]],
    ["ls a#b", ["ls", "a"]],
    ["ls 'a#b' a\\#b", ["ls", "a#b", "a#b"]],
    ["ls 日本", ["ls", "日本"]],
  ])("splits %j as sftp(1) does", (line, expected) => {
    expect(texts(line)).toEqual(expected);
  });

  test.each<[string, string[]]>([
    ["*.txt", ["*.txt"]],
    ["a[0-9]?", ["a[0-9]?"]],
    ["{a,b}", ["{a,b}"]],
    ["'*'.txt", ["\\*.txt"]],
    ["\\*.txt", ["\\*.txt"]],
    ['"[a]"', ["\\[a\\]"]],
    ["a]b,c}", ["a\\]b\\,c\\}"]],
    ["**/x", ["*/x"]],
    ["a***", ["a*"]],
    ["\\**", ["\\**"]],
    ["'*'*", ["\\**"]],
  ])("gives %j the pattern %j", (line, expected) => {
    expect(patterns(line)).toEqual(expected);
  });

  test("knows which words are patterns", () => {
    expect(splitWords("a 'b*' c* d\\? ?").map(({ isPattern }) => isPattern)).toEqual([false, false, true, false, true]);
  });

  test.each(["'", '"', "get 'a", "get \"a'", "a 'b' \"", "'\\'"])("refuses %j, whose quote is open", (line) => {
    expect(() => splitWords(line)).toThrow(expect.objectContaining({ code: "usage" }));
  });
});

test("scanWords finds the last word and its open quote", () => {
  expect(scanWords("get a")).toMatchObject({ lastStart: 4, openQuote: undefined });
  expect(scanWords("get ")).toMatchObject({ lastStart: 4, openQuote: undefined });
  expect(scanWords("get 'a b")).toMatchObject({ lastStart: 4, openQuote: "'" });
  expect(scanWords('get "a" b\\ c')).toMatchObject({ lastStart: 8, openQuote: undefined });
});

/** Characters that mean something in a line, and some others. */
const ALPHABET = Array.from(" \t'\"\\#*?[]{},!-ab/é日😀\u0301");

/** Returns texts of the characters, the same ones in every run. */
function* randomTexts(count: number): Generator<string> {
  let state = 12345;
  const next = (limit: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % limit;
  };
  for (let i = 0; i < count; i++)
    yield Array.from({ length: next(10) }, () => ALPHABET[next(ALPHABET.length)]).join("");
}

test("quoteWord makes one word of every text, which stands for itself as a pattern", () => {
  for (const text of randomTexts(3000))
    for (const quote of [undefined, "'", '"'] as const) {
      const words = splitWords(`get ${quoteWord(text, quote)} x`);
      expect(words.map((word) => word.text)).toEqual(["get", text, "x"]);
      expect(words[1]!.isPattern).toBe(false);
      if (text !== "" && !text.startsWith(".")) expect(matchesName(words[1]!.pattern, text)).toBe(true);
    }
});

test("every line is split or refused, and its words are found again", () => {
  for (const line of randomTexts(3000)) {
    const { words, openQuote, lastStart } = scanWords(line);
    expect(lastStart).toBeLessThanOrEqual(line.length);
    if (openQuote !== undefined) continue;
    expect(texts(words.map(({ text }) => quoteWord(text)).join(" "))).toEqual(words.map(({ text }) => text));
  }
});
