import type { ScpCommand } from "../command.ts";

/** Flags that scp programs send. */
const FLAGS = new Set("dfpqrtv");

/** Characters that a shell would expand, or that end a command. A word that contains one outside of quotes is not a plain path. */
const SHELL_CHARACTERS = "\t\n\r $`|&;<>()*?[]{}!#\"'\\~";

/**
 * Parses the command line of an `exec` request. Returns `undefined` unless it has the form that scp programs send: `scp`, flags as
 * getopt(3) reads them, one of -t and -f among them, and one path after an optional `--`. The path is one word without anything that a
 * shell would expand; a leading `~/` is the directory in which relative paths start.
 */
export function parseScpCommand(command: string): ScpCommand | undefined {
  const [program, ...words] = splitWords(command) ?? [];
  const end = words.findIndex(({ text }) => text === "--" || !/^-./.test(text));
  if (program?.text !== "scp" || end < 0) return undefined;
  // libssh2 joins flags: -pt.
  const flags = new Set(words.slice(0, end).flatMap(({ text }) => Array.from(text.slice(1))));
  const [path, ...others] = words.slice(words[end]!.text === "--" ? end + 1 : end);
  if (path === undefined || path.text === "" || others.length > 0) return undefined;
  if (![...flags].every((flag) => FLAGS.has(flag)) || flags.has("t") === flags.has("f")) return undefined;
  return {
    role: flags.has("t") ? "sink" : "source",
    path: path.isHome ? path.text.replace(/^~(?:\/+|$)/, "") || "." : path.text,
    recursive: flags.has("r"),
    preserve: flags.has("p"),
    isDirectory: flags.has("d"),
  };
}

/**
 * Returns whether a command may start scp for a transfer, even through a shell: its first word is scp, or -t or -f follows a later
 * word scp. Quotes, directories and case are ignored.
 */
export function namesScp(command: string): boolean {
  const words = command.replaceAll(/["'\\]/g, "").split(/[^\w./-]+/);
  const named = words.filter((word) => word !== "");
  const at = named.findIndex((word) => /(?:^|\/)scp$/i.test(word));
  return at === 0 || (at > 0 && named.slice(at).some((word) => /^-\w*[ft]/.test(word)));
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
