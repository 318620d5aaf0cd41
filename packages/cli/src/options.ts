import { SshError } from "@nacre/wire";

/** Options as they stood on the command line, and what came after them. */
export interface ParsedOptions {
  /** In order; a flag's value is `""`. */
  readonly options: readonly (readonly [name: string, value: string])[];
  /** From the first word that is no option. */
  readonly rest: readonly string[];
}

/**
 * Reads options as getopt does: `-t`, `-tt`, `-p 22`, `-p22`, `--keylog FILE`, `--keylog=FILE`; `--` ends them, as does the
 * first other word. `known` says of each option whether it takes a value. Throws `usage` for an unknown option.
 */
export function parseOptions(
  words: readonly string[],
  known: Readonly<Record<string, "flag" | "value">>,
): ParsedOptions {
  const options: (readonly [string, string])[] = [];
  let at = 0;
  const value = (name: string): string => {
    const next = words[at++];
    if (next === undefined) throw usage(`${name} needs a value`);
    mustBeNoKey(next);
    return next;
  };

  for (;;) {
    const word = words[at];
    if (word === undefined || word === "-" || !word.startsWith("-")) break;
    at++;
    if (word === "--") break;
    mustBeNoKey(word);
    if (word.startsWith("--")) {
      const [name = "", ...attached] = word.split("=");
      if (kind(known, name) === "value") options.push([name, attached.length > 0 ? attached.join("=") : value(name)]);
      else if (attached.length > 0) throw usage(`${name} takes no value`);
      else options.push([name, ""]);
    } else {
      for (let letters = word.slice(1); letters !== ""; ) {
        const name = `-${letters[0]}`;
        letters = letters.slice(1);
        if (kind(known, name) === "flag") {
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

/** A private key where an option or its value should be, as of `-i "$(cat key)"`: no message may show it. */
function mustBeNoKey(word: string): void {
  if (word.includes("-----BEGIN"))
    throw usage("this is the text of a key: name the file that it is in (-i FILE), where a key is wanted");
}

function kind(known: Readonly<Record<string, "flag" | "value">>, name: string): "flag" | "value" {
  if (!Object.hasOwn(known, name)) throw usage(`there is no option ${name}`);
  return known[name]!;
}

/** A wrong command line. */
export function usage(message: string): SshError {
  return new SshError("usage", `${message}; see nacre --help`);
}

const HELP: Readonly<Record<string, "flag">> = { "-h": "flag", "--help": "flag" };

/** Whether the options, and not their values or what comes after them, ask for the help. Throws `usage` as `parseOptions` does. */
export function asksForHelp(words: readonly string[], known: Readonly<Record<string, "flag" | "value">>): boolean {
  return parseOptions(words, { ...known, ...HELP }).options.some(([name]) => Object.hasOwn(HELP, name));
}
