import { configError } from "./problems.ts";
import type { ConfigValues } from "./values.ts";

/** Bounds on reading, so that no file takes unbounded time or memory. */
const MAX_FILE_LENGTH = 1024 * 1024;
const MAX_FILES = 256;
const MAX_DEPTH = 16;
const MAX_LINES = 100_000;
const MAX_WORDS = 4096;

/** The most values of a keyword whose lines add up. */
const MAX_VALUES = 1024;
/** The same for files of keys, as in OpenSSH. */
const MAX_KEY_FILES = 100;

/** Returns why a keyword has too many values after another line, or `undefined`. */
export function tooMany(name: keyof ConfigValues, value: unknown): string | undefined {
  const count = Array.isArray(value) ? value.length : 0;
  if (name === "identityFile" && count > MAX_KEY_FILES)
    return `Too many identity files specified (max ${MAX_KEY_FILES}).`;
  if (name === "certificateFile" && count > MAX_KEY_FILES)
    return `Too many certificate files specified (max ${MAX_KEY_FILES}).`;
  // rule: config-values
  return count > MAX_VALUES ? `more than ${MAX_VALUES} values` : undefined;
}

/** Counts what a configuration costs. Throws `file-malformed` beyond a bound. */
export class ReadingLimits {
  #files = 0;
  #lines = 0;

  /** Checks how deep an included file is, before it is asked for. */
  beginInclude(depth: number): void {
    // rule: config-include-depth
    if (depth > MAX_DEPTH) throw configError(["Too many recursive configuration includes"]);
  }

  /** Counts a file. */
  beginFile(): void {
    // rule: config-files
    if (++this.#files > MAX_FILES) throw configError([`more than ${MAX_FILES} configuration files; include fewer`]);
  }

  /** Checks the size of a file. */
  checkText(path: string, text: string): void {
    // rule: config-file-size
    if (text.length > MAX_FILE_LENGTH) throw configError([`${path}: longer than ${MAX_FILE_LENGTH} bytes`]);
  }

  /** Counts a line. */
  countLine(path: string): void {
    // rule: config-lines
    if (++this.#lines > MAX_LINES) throw configError([`${path}: more than ${MAX_LINES} lines of configuration`]);
  }

  /** Returns whether a line has too many words or patterns. */
  isTooWide(text: string, words: readonly string[]): boolean {
    if (text.length < MAX_WORDS) return false;
    let count = words.length;
    for (const word of words) for (const char of word) if (char === ",") count++;
    // rule: config-patterns
    return count > MAX_WORDS;
  }
}
