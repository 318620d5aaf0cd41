import type { ScpCommand } from "../command.ts";

const FLAGS = new Set(["-r", "-p", "-d", "-v", "-q"]);

/** Characters that a shell would expand, or that end a command. A word that contains one outside of quotes is not a plain path. */
const SHELL_CHARACTERS = "\t\n\r $`|&;<>()*?[]{}!#\"'\\~";

/**
 * Parses the command line of an `exec` request. Returns `undefined` unless it is what scp programs send to a server: `scp`, the flags -r,
 * -p, -d, -v and -q at most once each, then -t or -f, and one path behind an optional `--`. The path is one word without anything that a shell would
 * expand; a leading `~/` is the directory in which relative paths start.
 */
export function parseScpCommand(command: string): ScpCommand | undefined {
  const words = splitWords(command);
  if (words === undefined || words.shift()?.text !== "scp") return undefined;
  const flags = new Set<string>();
  let role: ScpCommand["role"] | undefined;
  while (role === undefined) {
    const flag = words.shift()?.text;
    if (flag === undefined) return undefined;
    if (flag === "-t") role = "sink";
    else if (flag === "-f") role = "source";
    else if (FLAGS.has(flag) && !flags.has(flag)) flags.add(flag);
    else return undefined;
  }
  const isMarked = words[0]?.text === "--" && words.length > 1;
  if (isMarked) words.shift();
  const [word, ...others] = words;
  if (word === undefined || others.length > 0 || word.text === "") return undefined;
  if (!isMarked && word.text.startsWith("-")) return undefined;
  const path = word.isHome ? word.text.replace(/^~(?:\/+|$)/, "") || "." : word.text;
  return { role, path, recursive: flags.has("-r"), preserve: flags.has("-p"), isDirectory: flags.has("-d") };
}

interface Word {
  readonly text: string;
  /** Whether it begins with `~` outside of quotes. */
  readonly isHome: boolean;
}

/** Splits a command as a POSIX shell does. Returns `undefined` if the shell would do more with it than split it. */
function splitWords(command: string): Word[] | undefined {
  const words: Word[] = [];
  let at = 0;
  while (at < command.length) {
    if (command[at] === " ") {
      at++;
      continue;
    }
    let text = "";
    const isHome = command[at] === "~";
    if (isHome) {
      text = "~";
      at++;
      // Another user's home.
      if (at < command.length && command[at] !== "/" && command[at] !== " ") return undefined;
    }
    for (; at < command.length && command[at] !== " "; at++) {
      const part = partAt(command, at);
      if (part === undefined) return undefined;
      text += part.text;
      at += part.length - 1;
    }
    words.push({ text, isHome });
  }
  return words;
}

/** Returns the text of a quoted part or a plain character, and its length in the command. */
function partAt(command: string, at: number): { readonly text: string; readonly length: number } | undefined {
  const character = command[at]!;
  if (character === "\\") {
    const next = command[at + 1];
    return next === undefined || next === "\n" ? undefined : { text: next, length: 2 };
  }
  if (character === "'") {
    const end = command.indexOf("'", at + 1);
    return end < 0 ? undefined : { text: command.slice(at + 1, end), length: end + 1 - at };
  }
  if (character === '"') {
    const end = command.indexOf('"', at + 1);
    const text = command.slice(at + 1, end);
    // In double quotes a shell still reads these.
    return end < 0 || /[$`\\!]/.test(text) ? undefined : { text, length: end + 1 - at };
  }
  // rule: scp-command-form
  return SHELL_CHARACTERS.includes(character) ? undefined : { text: character, length: 1 };
}
