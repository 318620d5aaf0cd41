import { type Passage, passagesOf } from "./passages.ts";
import { PHRASES, type Phrase } from "./phrases.ts";

/** A phrase found in a file. */
export interface Finding {
  /** The phrase as found, with line breaks replaced by spaces. */
  readonly text: string;
  /** Line number, from 1. */
  readonly line: number;
  readonly phrase: Phrase;
}

/** Files with strings that are not checked: strings of tests are often data, not prose. */
const TESTS = /(?:^|\/)test\/|^packages\/testing\//;

/** Finds phrases to avoid in a document (`.md`), or in the comments and messages of a source. Returns them in order of line. */
export function findPhrases(file: string, content: string): Finding[] {
  return passagesIn(file, content)
    .flatMap(({ text, start }) =>
      PHRASES.flatMap((phrase) =>
        [...text.matchAll(acrossLines(phrase.pattern))].map((match) => ({
          text: match[0].trim().replace(/\s+/g, " "),
          line: content.slice(0, start + match.index).split("\n").length,
          phrase,
        })),
      ),
    )
    .sort((a, b) => a.line - b.line);
}

/** Columns of a line of comment. */
const COLUMNS = 140;
/** Start of a line that has a comment only. */
const COMMENT_LINE = /^\s*(?:\/\/|\/?\*)/;

/** Returns the numbers of the lines of comment that are too long, from 1. A line of one word, such as an address, may be. */
export function longCommentLines(content: string): number[] {
  return content
    .split("\n")
    .flatMap((line, index) =>
      line.length > COLUMNS && COMMENT_LINE.test(line) && line.trim().split(" ").length > 2 ? [index + 1] : [],
    );
}

function passagesIn(file: string, content: string): Passage[] {
  if (file.endsWith(".md")) return [{ kind: "document", text: content, start: 0 }];
  const passages = passagesOf(file, content);
  return TESTS.test(file) ? passages.filter(({ kind }) => kind === "comment") : passages;
}

/** Returns a global pattern with each space replaced by `\s+`, so that it also matches across line breaks. */
function acrossLines({ source, flags }: RegExp): RegExp {
  return new RegExp(source.replaceAll(" ", "\\s+"), `${flags}g`);
}
