import type { Line } from "./line.ts";
import type { AlgorithmNames, LocalFacts } from "./request.ts";
import type { ConfigValues } from "./values.ts";

/** Expands text before `ssh -G` prints it; a failure ends reading. */
export interface Expander {
  /** Replaces `~`, tokens and `${NAME}`. */
  readonly path: (text: string) => string;
  /** Replaces tokens and `${NAME}`. */
  readonly text: (text: string) => string;
  /** Replaces tokens. */
  readonly tokens: (text: string) => string;
}

/** Facts that a default may depend on. */
export interface DefaultContext {
  readonly algorithms: AlgorithmNames;
  readonly local: LocalFacts;
  /** Values that are set or come before in the table. */
  readonly values: Partial<ConfigValues>;
  /** Whether a line set the value of a keyword. */
  readonly isSet: (name: keyof ConfigValues) => boolean;
}

/** One keyword: how its line is read, combined with others, completed, and printed. */
export interface Keyword<T> {
  /** Other names of the keyword, in lower case. */
  readonly aliases?: readonly string[];
  /** Reads the words of a line. */
  readonly parse: (line: Line) => Exclude<T, undefined>;
  /** Combines the earlier value with that of a later line; by default the first one wins. */
  readonly combine?: (earlier: Exclude<T, undefined>, later: Exclude<T, undefined>) => Exclude<T, undefined>;
  /** quirk: a line in a block that does not match counts too. */
  readonly everywhere?: true;
  readonly default: (context: DefaultContext) => T;
  /** Expands the value before it is printed. */
  readonly finish?: (value: Exclude<T, undefined>, expand: Expander) => T;
  /** The name that `ssh -G` prints, if it is not the keyword in lower case. */
  readonly printedName?: string;
  /** The lines that `ssh -G` prints for the value, without the name. */
  readonly print: (value: T, values: ConfigValues) => readonly (string | number)[];
}

export const one = (value: string | number | undefined): readonly (string | number)[] =>
  value === undefined ? [] : [value];
export const oneLine = (values: readonly string[]): readonly string[] =>
  values.length === 0 ? [] : [values.join(" ")];
export const list = (values: readonly string[]): readonly string[] => values;

const FLAGS: Readonly<Record<string, boolean>> = { yes: true, true: true, no: false, false: false };

export function flag(otherwise: boolean, more?: Partial<Keyword<boolean>>): Keyword<boolean> {
  return {
    parse: (line) => oneOf(line, FLAGS),
    default: () => otherwise,
    print: (value) => [value ? "yes" : "no"],
    ...more,
  };
}

/** Reads a word that is a key of `table`, in any case. */
export function oneOf<T>(line: Line, table: Readonly<Record<string, T>>): T {
  const word = line.next() ?? "";
  const key = word.toLowerCase();
  if (!Object.hasOwn(table, key))
    line.fail(`unsupported option "${word}".`, ...(word === "" ? [`${line.at}: missing argument.`] : []));
  return table[key]!;
}

const YES_NO: Readonly<Record<string, string>> = { true: "yes", false: "no" };
const PRINTED: Readonly<Record<string, string>> = { yes: "true", no: "false" };

/** A keyword with some values in any case; `yes` and `no` may be written `true` and `false`, and are printed so. */
export function choice<T extends string>(
  values: readonly T[],
  otherwise: T,
  synonyms?: Readonly<Record<string, T>>,
  more?: Partial<Keyword<T>>,
): Keyword<T> {
  const table: Record<string, T> = { ...Object.fromEntries(values.map((value) => [value, value])), ...synonyms };
  for (const [written, value] of Object.entries(YES_NO))
    if (table[value] !== undefined) table[written] ??= table[value];
  return {
    parse: (line) => oneOf(line, table),
    default: () => otherwise,
    print: (value) => [PRINTED[value] ?? value],
    ...more,
  };
}

export function word(more?: Partial<Keyword<string | undefined>>): Keyword<string | undefined> {
  return { parse: (line) => line.need(), default: () => undefined, print: one, ...more };
}

/** The rest of the line, with quotes and `#`. */
export function restOfLine(line: Line): string {
  return line.rest.replace(/^[ \t\r\n=]+/, "") || line.fail("Missing argument.");
}

export function command(more?: Partial<Keyword<string | undefined>>): Keyword<string | undefined> {
  return {
    parse: (line) => {
      line.all();
      return restOfLine(line);
    },
    default: () => undefined,
    finish: orNone,
    print: one,
    ...more,
  };
}

/** Makes `none` an unset value. */
export function orNone(value: string): string | undefined {
  return value.toLowerCase() === "none" ? undefined : value;
}

export function integer(otherwise: number): Keyword<number> {
  return { parse: (line) => parseInteger(line, line.next() ?? ""), default: () => otherwise, print: one };
}

/** Reads a number from 0 to 2³¹−1. */
export function parseInteger(line: Line, text: string): number {
  if (text === "") line.fail("integer value missing.");
  if (!/^[ \t\n\v\f\r]*[+-]?\d+$/.test(text)) line.fail("integer value invalid.");
  const value = Number(text);
  if (value < 0) line.fail("integer value too small.");
  if (value > 0x7fffffff) line.fail("integer value too large.");
  return value;
}

const UNITS: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** Reads a duration such as `1h30m`: seconds. A fraction of a second is cut. `undefined` if the text is malformed. */
export function parseTime(text: string): number | undefined {
  let total = 0;
  for (const part of text.match(/\d+(?:\.\d+)?[a-z]?|[^]/gi) ?? [""]) {
    const [, digits, fraction, unit = ""] = /^(\d+)(\.\d+)?([a-z]?)$/i.exec(part) ?? [];
    const factor = UNITS[unit.toLowerCase()];
    if (digits === undefined || factor === undefined || (fraction !== undefined && factor !== 1)) return undefined;
    total += Number(digits) * factor;
  }
  return total <= 0x7fffffff ? total : undefined;
}

/** Reads the next word as a duration; `none` is `undefined`. */
export function needTime(line: Line): number | "none" {
  const text = line.need("missing time value.");
  return text === "none" ? text : (parseTime(text) ?? line.fail("invalid time value."));
}

/** Refuses a word of `alone`, in any case, that does not stand alone. */
export function refuseBeside(line: Line, words: readonly string[], text: string, ...alone: readonly string[]): void {
  if (words.length > 1 && alone.includes(text.toLowerCase()))
    line.fail(`keyword ${line.keyword} "${text}" argument must appear alone.`);
}

/** Reads all words of a line: up to `most`, or `none` alone. */
export function allWords(line: Line, most?: number): string[] {
  const words = line.all();
  for (const text of words) {
    if (text === "") line.fail(`keyword ${line.keyword} empty argument`);
    refuseBeside(line, words, text, "none");
  }
  if (most !== undefined && words.length > most) line.fail(`too many ${line.keyword} entries.`);
  return words;
}

/** Adds what is new. */
export function added<T>(same: (a: T, b: T) => boolean): (earlier: readonly T[], later: readonly T[]) => readonly T[] {
  return (earlier, later) => {
    const fresh = later.filter((value) => !earlier.some((other) => same(other, value)));
    return fresh.length === 0 ? earlier : [...earlier, ...fresh];
  };
}
