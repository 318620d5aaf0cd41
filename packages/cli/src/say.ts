import { escapeText, SshError } from "@nacre/wire";
import { oneLine } from "./one-line.ts";

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
