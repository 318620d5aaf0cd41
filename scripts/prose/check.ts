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

/** Test titles are not checked: strings in tests are data as often as prose. */
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
  if (file.endsWith(".md")) return [{ kind: "comment", text: content, start: 0 }];
  const passages = passagesOf(file, content);
  return TESTS.test(file) ? passages.filter(({ kind }) => kind === "comment") : passages;
}

/** Phrases begin sentences, too; one that begins with a capital letter only does that. */
function acrossLines(pattern: RegExp): RegExp {
  return new RegExp(pattern.source.replaceAll(" ", "\\s+"), /Who/.test(pattern.source) ? "g" : "gi");
}
