import { SshError } from "@nacre/wire";
import type { Command, CommandCall } from "./command.ts";
import { splitWords, type Word } from "./words.ts";

/** A line of a session or a batch. */
export interface CommandLine {
  /** Whether the batch goes on if the command fails: a prefix of `-`. */
  readonly ignoresErrors: boolean;
  /** Whether a batch does not print the line: a prefix of `@`. */
  readonly isQuiet: boolean;
  /** The line without its prefixes; "" for an empty line or a comment. */
  readonly text: string;
}

/** A command and its words, or a line for the shell of this machine. */
export type ParsedCommand =
  | { readonly type: "command"; readonly command: Command; readonly call: CommandCall }
  /** `line` is "" for an interactive shell. */
  | { readonly type: "shell"; readonly line: string };

/** Removes the prefixes of a line, and comments, as sftp(1) does. */
export function readLine(line: string): CommandLine {
  const [, prefixes = "", text = ""] = /^\s*([-@]*)\s*(.*)$/s.exec(line) ?? [];
  return {
    ignoresErrors: prefixes.includes("-"),
    isQuiet: prefixes.includes("@"),
    text: text.startsWith("#") || text.trim() === "" ? "" : text,
  };
}

/** Finds the command of a line without prefixes, and reads its flags. Throws `usage` for an unknown command, flag, or number of words. */
export function parseCommand(text: string, commands: readonly Command[]): ParsedCommand {
  if (text.startsWith("!")) return { type: "shell", line: text.slice(1).trim() };
  const [name, ...words] = splitWords(text);
  const command = findCommand(name?.text ?? "", commands);
  if (command === undefined) throw invalid(`unknown command "${name?.text ?? ""}"`);
  const flags = new Set<string>();
  const rest = command.takesDashes === true ? words : readFlags(words, command, flags);
  const [least, most] = command.count;
  if (rest.length < least || rest.length > most)
    throw invalid(`expected ${`${command.names[0]} ${command.usage}`.trim()}`);
  return { type: "command", command, call: { flags, words: rest } };
}

/** Returns the command with a name. Case does not matter, as in sftp(1). */
export function findCommand(name: string, commands: readonly Command[]): Command | undefined {
  return commands.find(({ names }) => names.includes(name.toLowerCase()));
}

/** Adds the flags to the set, and returns the words after them. */
function readFlags(words: readonly Word[], command: Command, flags: Set<string>): readonly Word[] {
  for (const [index, { text }] of words.entries()) {
    if (text === "--") return words.slice(index + 1);
    if (!/^-./.test(text)) return words.slice(index);
    for (const letter of text.slice(1)) {
      if (!command.flags.includes(letter)) throw invalid(`${command.names[0]} has no flag -${letter}`);
      flags.add(letter);
    }
  }
  return [];
}

/** Returns the error for an invalid line. */
function invalid(message: string): SshError {
  return new SshError("usage", `${message}; type help for a list of commands`);
}
