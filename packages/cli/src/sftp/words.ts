import { SshError } from "@nacre/wire";

/** A word of a command line of sftp(1). */
export interface Word {
  /** The word without quotes and escapes. */
  readonly text: string;
  /** The word as a pattern of `matchesName`: what was quoted or escaped stands for itself. */
  readonly pattern: string;
  /** Whether the pattern has characters that stand for others. */
  readonly isPattern: boolean;
}

/** A line of words. */
export interface WordLine {
  /** Words in order. The last one may be unfinished. */
  readonly words: readonly Word[];
  /** Position at which the last word begins; the length of the line if it ends with a space between words. */
  readonly lastStart: number;
  /** Quote that is open at the end of the line. */
  readonly openQuote: '"' | "'" | undefined;
}

/** Characters that stand for others in a pattern. */
const SPECIAL = "*?[]{},\\";

/**
 * Splits a line into words as sftp(1) does. Spaces and tabs separate words. `'` and `"` quote; inside, a backslash only escapes the same
 * quote. Outside, a backslash takes the next character as it is. `#` outside quotes begins a comment, even within a word.
 */
export function scanWords(line: string): WordLine {
  const words: Word[] = [];
  let word: { text: string; pattern: string; isPattern: boolean } | undefined;
  let lastStart = line.length;
  let openQuote: WordLine["openQuote"];
  const add = (character: string): void => {
    word!.text += character;
    word!.pattern += SPECIAL.includes(character) ? `\\${character}` : character;
  };

  for (let at = 0; at < line.length; at++) {
    const character = line[at]!;
    const next = line[at + 1];
    if (openQuote === undefined && character === "#") break;
    if (openQuote === undefined && isSpace(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      lastStart = line.length;
      continue;
    }
    if (word === undefined) {
      word = { text: "", pattern: "", isPattern: false };
      lastStart = at;
    }
    if (character === openQuote) {
      openQuote = undefined;
    } else if (openQuote !== undefined) {
      if (character === "\\" && next !== undefined) {
        at++;
        if (next !== openQuote) add(character);
      }
      add(line[at]!);
    } else if (character === '"' || character === "'") {
      openQuote = character;
    } else if (character === "\\" && next !== undefined) {
      at++;
      add(next);
    } else if ("*?[{".includes(character)) {
      word.text += character;
      // Two stars would match directories of any depth, which sftp(1) does not have.
      if (!(character === "*" && line[at - 1] === "*" && endsWithStar(word.pattern))) word.pattern += character;
      word.isPattern = true;
    } else if (word.isPattern && "]},".includes(character)) {
      word.text += character;
      word.pattern += character;
    } else {
      add(character);
    }
  }
  if (word !== undefined) words.push(word);
  return { words, lastStart, openQuote };
}

/** Splits a line into words. Throws `usage` if a quote is not closed. */
export function splitWords(line: string): readonly Word[] {
  const { words, openQuote } = scanWords(line);
  if (openQuote !== undefined) throw new SshError("usage", `missing closing ${openQuote} in the command`);
  return words;
}

/**
 * Returns a word that `splitWords` reads as this text: in the given quotes, or with escapes where they are needed. Quotes cannot hold every
 * backslash, so that a text with one is never quoted.
 */
export function quoteWord(text: string, quote?: '"' | "'"): string {
  if (quote !== undefined && !text.includes("\\")) return quote + text.replaceAll(quote, `\\${quote}`) + quote;
  if (text === "") return '""';
  return text.replace(/[\s'"\\#*?[\]{},]/g, "\\$&");
}

function isSpace(character: string): boolean {
  return " \t\r\n\v\f".includes(character);
}

/** Returns whether a pattern ends with a star that is not escaped. */
function endsWithStar(pattern: string): boolean {
  return /(?<!\\)(?:\\\\)*\*$/.test(pattern);
}
