import { type Passage, passagesOf } from "./passages.ts";
import { PHRASES, type Phrase } from "./phrases.ts";

/** A phrase found in a file. */
export interface Finding {
  /** The phrase as it stands, on one line. */
  readonly text: string;
  /** Line number, from 1. */
  readonly line: number;
  readonly phrase: Phrase;
}

/** Strings in tests are not checked: they are data as often as prose. */
const TESTS = /(?:^|\/)test\/|^packages\/testing\//;

/** Returns the phrases to avoid in a document (`.md`), or in the comments and messages of a source, in order. */
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

function passagesIn(file: string, content: string): Passage[] {
  if (file.endsWith(".md")) return [{ kind: "document", text: content, start: 0 }];
  const passages = passagesOf(file, content);
  return TESTS.test(file) ? passages.filter(({ kind }) => kind === "comment") : passages;
}

/** Returns the pattern for all matches, with spaces that match line breaks. */
function acrossLines({ source, flags }: RegExp): RegExp {
  return new RegExp(source.replaceAll(" ", "\\s+"), `${flags}g`);
}
