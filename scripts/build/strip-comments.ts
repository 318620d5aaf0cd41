import { parse } from "acorn";

/** Comments that tools read: annotations for bundlers, and licenses. */
const KEPT = /^(?:\s*[#@]|!)/;

/**
 * Removes the comments that stand on lines of their own from a JavaScript module.
 *
 * esbuild keeps the comments of class members. V8 holds the text of a module for as long as the program runs, with two bytes per character
 * if one character is beyond Latin-1, as in "2^32 − 1".
 */
export function stripComments(code: string): string {
  let stripped = "";
  let at = 0;
  parse(code, {
    ecmaVersion: "latest",
    sourceType: "module",
    onComment(_isBlock, text, start, end) {
      const lineStart = code.lastIndexOf("\n", start - 1) + 1;
      const rest = /^[ \t]*(?:\n|$)/.exec(code.slice(end));
      const isAlone = code.slice(lineStart, start).trim() === "" && rest !== null;
      if (!isAlone || KEPT.test(text) || code.startsWith("#!", start)) return;
      stripped += code.slice(at, lineStart);
      at = end + rest[0].length;
    },
  });
  return stripped + code.slice(at);
}
