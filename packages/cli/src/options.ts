import { SshError } from "@nacre/wire";

/** Whether an option takes a value. An `"optional"` one takes it only as `--option=value`. */
export type OptionKind = "flag" | "value" | "optional";

/** Options of a command line, and the words after them. */
export interface ParsedOptions {
  /** Options in order. The value of a flag, or of an option without its value, is `""`. */
  readonly options: readonly (readonly [name: string, value: string])[];
  /** Words from the first one that is not an option. */
  readonly rest: readonly string[];
}

/**
 * Parses options like getopt(3): `-t`, `-tt`, `-p 22`, `-p22`, `--keylog FILE`, `--keylog=FILE`. `--` or the first other word ends them.
 * `known` states for each option whether it takes a value; `instead` what to do in place of unknown ones. Throws `usage` for an unknown
 * option or a missing value.
 */
export function parseOptions(
  words: readonly string[],
  known: Readonly<Record<string, OptionKind>>,
  instead: Readonly<Record<string, string>> = {},
): ParsedOptions {
  const options: (readonly [string, string])[] = [];
  let at = 0;
  const value = (name: string): string => {
    const next = words[at++];
    if (next === undefined) throw usage(`${name} needs a value`);
    rejectKeyText(next);
    return next;
  };

  for (;;) {
    const word = words[at];
    if (word === undefined || word === "-" || !word.startsWith("-")) break;
    at++;
    if (word === "--") break;
    rejectKeyText(word);
    if (word.startsWith("--")) {
      const [name = "", ...attached] = word.split("=");
      const expected = kind(known, name, instead);
      if (attached.length > 0 && expected === "flag") throw usage(`${name} takes no value`);
      options.push([name, expected === "value" && attached.length === 0 ? value(name) : attached.join("=")]);
    } else {
      for (let letters = word.slice(1); letters !== ""; ) {
        const name = `-${letters[0]}`;
        letters = letters.slice(1);
        if (kind(known, name, instead) !== "value") {
          options.push([name, ""]);
        } else {
          options.push([name, letters === "" ? value(name) : letters]);
          letters = "";
        }
      }
    }
  }
  return { options, rest: words.slice(at) };
}

/** Values of the options of a command line, by name. */
export interface OptionValues<N extends string> {
  /** Returns all values of an option, in order. */
  readonly all: (name: N) => string[];
  /** Returns the last value of an option; `undefined` if it is not given. */
  readonly last: (name: N) => string | undefined;
  /** Returns whether an option is given. */
  readonly has: (name: N) => boolean;
}

/** Returns the values of options by name. */
export function valuesOf<N extends string>(options: ParsedOptions["options"]): OptionValues<N> {
  const all = (name: N): string[] => options.filter(([option]) => option === name).map(([, value]) => value);
  return { all, last: (name) => all(name).at(-1), has: (name) => all(name).length > 0 };
}

/** Throws `usage` if a word contains a private key, as in `-i "$(cat key)"`. Other messages would print the key. */
function rejectKeyText(word: string): void {
  if (word.includes("-----BEGIN"))
    throw usage("private key text found on the command line; give the file that contains the key (-i FILE)");
}

function kind(
  known: Readonly<Record<string, OptionKind>>,
  name: string,
  instead: Readonly<Record<string, string>>,
): OptionKind {
  if (Object.hasOwn(known, name)) return known[name]!;
  throw usage(Object.hasOwn(instead, name) ? `unknown option ${name}; ${instead[name]}` : `unknown option ${name}`);
}

/** An invalid command line. The help of its command lists the options. */
export class CommandLineError extends SshError {
  /** The fixed message of ssh(1) for this mistake, which programs search for; `undefined` if it has none. */
  readonly sshLine: string | undefined;
  /** Our message; "" if that of ssh(1) says everything. */
  readonly advice: string;

  constructor(advice: string, sshLine?: string) {
    super("usage", advice || sshLine!);
    this.sshLine = sshLine;
    this.advice = advice;
  }
}

/** Returns the error for an invalid command line. */
export function usage(message: string): CommandLineError {
  return new CommandLineError(message);
}

/** Returns the error for an invalid command line for which ssh(1) has a fixed message. `advice` stands on the next line. */
export function sshUsage(sshLine: string, advice: string = ""): CommandLineError {
  return new CommandLineError(advice, sshLine);
}

const HELP: Readonly<Record<string, "flag">> = { "-h": "flag", "--help": "flag" };

/**
 * Returns whether the options include `-h` or `--help`. Values and words after the options do not count. Throws `usage` like
 * `parseOptions`.
 */
export function asksForHelp(
  words: readonly string[],
  known: Readonly<Record<string, OptionKind>>,
  instead: Readonly<Record<string, string>> = {},
): boolean {
  return parseOptions(words, { ...known, ...HELP }, instead).options.some(([name]) => Object.hasOwn(HELP, name));
}
