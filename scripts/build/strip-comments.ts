import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { parse } from "acorn";

/** Comments that tools read: annotations for bundlers, the name of the source map, licenses. */
const KEPT = /^(?:\s*[#@]|!)/;

/** Removes comments from the JavaScript files in a folder. No effect if there is no such folder, as in a private package. */
export function stripFiles(folder: string): void {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    const file = `${folder}/${name}`;
    if (name.endsWith(".js")) writeFileSync(file, stripComments(readFileSync(file, "utf8")));
  }
}

/**
 * Removes the comments that stand on lines of their own from a JavaScript module. Empty lines remain, so that its source map stays right.
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
      const isAlone = code.slice(lineStart, start).trim() === "" && /^[ \t]*(?:\n|$)/.test(code.slice(end));
      if (!isAlone || KEPT.test(text) || code.startsWith("#!", start)) return;
      stripped += code.slice(at, lineStart) + code.slice(start, end).replaceAll(/[^\n]/g, "");
      at = end;
    },
  });
  return stripped + code.slice(at);
}
