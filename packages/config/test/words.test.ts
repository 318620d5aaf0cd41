import { expect, it } from "vitest";
import { splitKeyword, splitWords } from "../src/words.ts";

it.each([
  ["Port 22", "port", "22"],
  ["  PORT=22 \t\r", "port", "22"],
  ["Port = 22\f", "port", "22"],
  ["Port==22", "port", "=22"],
  ['"Port" 22', "port", "22"],
  // quirk: a `=` after a quoted keyword belongs to the value.
  ['"Port"=22', "port", "=22"],
  ['Po"rt" 22', "port", "22"],
  ["=Port 22", "port", "22"],
  ["Port", "port", ""],
  ["Port\0 22", "port", ""],
  ["ProxyCommand sh -c 'x' # y", "proxycommand", "sh -c 'x' # y"],
])("splits %j", (text, keyword, rest) => {
  expect(splitKeyword(text)).toEqual({ keyword, rest });
});

it.each(["", "   ", "# Port 22", "  # x", '"Port 22', "="])("skips %j", (text) => {
  expect(splitKeyword(text)).toBeUndefined();
});

it.each([
  ["a b\tc", ["a", "b", "c"]],
  [`"a b" 'c d'`, ["a b", "c d"]],
  [`a"b c"d`, ["ab cd"]],
  ["u#v #w", ["u#v"]],
  ['a\\ b a\\b \\\\ \\"', ["a b", "a\\b", "\\", '"']],
  [`"a\\ b"`, ["a\\ b"]],
  [`"" ''`, ["", ""]],
  ["", []],
])("splits the words of %j", (text, words) => {
  expect(splitWords(text)).toEqual(words);
});

it("refuses an open quote", () => {
  for (const text of ['"a', "a'", `a "b' c`]) expect(splitWords(text)).toBeUndefined();
});
