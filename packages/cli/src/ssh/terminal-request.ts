import { isatty } from "node:tty";
import type { ConfigValues } from "@nacre/config";
import { inform } from "./log-level.ts";

/** Descriptor of standard input. `process.stdin.fd` would make a stream, which takes a program of `-G` some milliseconds. */
const STDIN = 0;

/**
 * Returns whether the session gets a pseudo-terminal: a shell does, if standard input is a terminal (ssh_config(5), RequestTTY). Says so
 * if one is wanted and standard input is another file.
 */
export function requestsTerminal(
  values: Pick<ConfigValues, "requestTTY" | "stdinNull" | "sessionType" | "logLevel">,
  command: string | undefined,
): boolean {
  const { requestTTY, stdinNull, sessionType } = values;
  if (sessionType === "none") return false;
  const wanted = requestTTY === "auto" ? command === undefined : requestTTY !== "no";
  if (!wanted || requestTTY === "force" || (!stdinNull && isatty(STDIN))) return wanted;
  inform(values, "Pseudo-terminal will not be allocated because stdin is not a terminal.");
  return false;
}
