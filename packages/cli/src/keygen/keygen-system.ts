import { readFile } from "node:fs/promises";
import { getSystemErrorMap } from "node:util";
import { expandHome } from "@nacre/node";
import { showPath } from "@nacre/node/extend";
import { SshError } from "@nacre/wire";

/** A line of ssh-keygen on standard error that ends the command with this status. */
export class KeygenFailure extends Error {
  readonly status: number;

  constructor(line: string, status = 255) {
    super(line);
    this.status = status;
  }
}

/** Resolves with the status of a command. Prints the line of a {@link KeygenFailure}. */
export async function withFailures(command: () => Promise<number>): Promise<number> {
  try {
    return await command();
  } catch (error) {
    if (!(error instanceof KeygenFailure)) throw error;
    sayLine(error.message);
    return error.status;
  }
}

/** Prints a line on standard error. */
export function sayLine(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Returns the system's text for an error, such as "No such file or directory", or the message of ours. */
export function reasonOf(cause: unknown): string {
  if (cause instanceof SshError && !(cause.cause instanceof Error)) return cause.message;
  const { errno, message } = (cause instanceof SshError ? cause.cause : cause) as NodeJS.ErrnoException;
  const [, reason = message] = getSystemErrorMap().get(errno ?? 0) ?? [];
  return showPath(`${reason.slice(0, 1).toUpperCase()}${reason.slice(1)}`);
}

/** Reads a file. Throws a {@link KeygenFailure} with the line that `lineOf` makes of the reason. */
export async function readOrFail(path: string, lineOf: (reason: string) => string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(expandHome(path)));
  } catch (cause) {
    throw new KeygenFailure(lineOf(reasonOf(cause)));
  }
}

/** Converts local time to milliseconds since 1970-01-01 UTC. */
export const localTime = (time: {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}): number => new Date(time.year, time.month - 1, time.day, time.hour, time.minute, time.second).getTime();
