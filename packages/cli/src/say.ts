import { escapeText, SshError } from "@nacre/wire";
import { oneLine } from "./one-line.ts";
import { CommandLineError } from "./options.ts";

/** Formats an error as one line, escaped for a terminal, with its code. `hint` follows the message. */
export function explain(error: unknown, hint: string = ""): string {
  const text =
    error instanceof SshError
      ? `${error.message}${hint} [${error.code}]`
      : `internal error in nacre, please report it: ${String(error)}`;
  return oneLine(escapeText(text, { keepLines: true }));
}

/** Prints a line to standard error. A terminal in raw mode needs CR before LF. */
export function say(text: string): void {
  process.stderr.write(`${text}${process.stdin.isRaw ? "\r\n" : "\n"}`);
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
    const hint = error instanceof CommandLineError ? ` (see ${help})` : "";
    process.stderr.write(`nacre: ${explain(error, hint)}\n`);
    return FAILURE;
  }
}
