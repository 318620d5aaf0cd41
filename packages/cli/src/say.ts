import { isatty } from "node:tty";
import { escapeText, SshError } from "@nacre/wire";
import { oneLine } from "./one-line.ts";
import { CommandLineError } from "./options.ts";

/** Formats an error as one line, escaped for a terminal, with its code. */
export function explain(error: unknown): string {
  const text =
    error instanceof SshError
      ? `${error.message} [${error.code}]`
      : `internal error in nacre, please report it: ${String(error)}`;
  return oneLine(escapeText(text, { keepLines: true }));
}

/** Prints a line for the user. A terminal in raw mode needs CR before LF. */
export function say(text: string): void {
  // `process.stdin` makes a stream, which takes `nacre -G` some milliseconds.
  show(`${text}${isatty(0) && process.stdin.isRaw ? "\r\n" : "\n"}`);
}

/** Prints text for the user: on standard error, unless `redirectMessages` says otherwise. */
export function show(text: string): void {
  write(text);
}

const toStandardError = (text: string): void => void process.stderr.write(text);

let write = toStandardError;

/** Passes the messages of `say` and `show` elsewhere: to a log file (`-E`), or nowhere (`-q`). By default to standard error. */
export function redirectMessages(to: (text: string) => void = toStandardError): void {
  write = to;
}

/** Prints an error: first the fixed message of ssh(1), if it has one, then our own. `help` is the command that lists the options. */
function sayError(error: unknown, help: string): void {
  if (!(error instanceof CommandLineError)) return say(`nacre: ${explain(error)}`);
  const { sshLine, advice, code } = error;
  if (sshLine !== undefined)
    say(oneLine(escapeText(sshLine.startsWith("command-line") ? sshLine : `nacre: ${sshLine}`)));
  const text = advice === "" ? "the command line is invalid" : advice;
  say(`nacre: ${oneLine(escapeText(`${text} (see ${help}) [${code}]`, { keepLines: true }))}`);
}

/** Exit status for an error of nacre itself, as in ssh(1). */
export const FAILURE = 255;

/**
 * Resolves with the exit status of a command. Prints its error. For an invalid command line, the error names the command `help`, which
 * lists the options.
 */
export async function withStatus(command: () => Promise<number>, help: string): Promise<number> {
  try {
    return await command();
  } catch (error) {
    sayError(error, help);
    return FAILURE;
  }
}
