import { closeSync, fstatSync, openSync } from "node:fs";
import { devNull } from "node:os";
import { pipeline } from "node:stream/promises";
import type { Client } from "@nacre/node";
import { SshError } from "@nacre/wire";
import type { ForwardTarget } from "nacre";
import { BROKEN_PIPE_STATUS } from "./remote.ts";

/**
 * Joins standard input and output to a connection onward from the server, each direction until its end (`-W`). Returns the exit status.
 * Rejects with the `SshError` for a target that the server does not connect to, and for a connection that breaks.
 */
export async function runStdio(client: Pick<Client, "dial">, target: ForwardTarget): Promise<number> {
  const { stdin, stdout } = process;
  const connection = await client.dial(target);
  const closed = new Promise((resolve) => connection.once("close", resolve));
  // What breaks after the end of the output has no effect on it.
  connection.on("error", () => {});
  // Half of an input must not look like all of it.
  stdin.on("error", (cause: Error) =>
    connection.destroy(new SshError("file-unreadable", `standard input cannot be read: ${cause.message}`, { cause })),
  );
  stdin.pipe(connection);
  try {
    await pipeline(connection, stdout, { end: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPIPE") throw error;
    connection.destroy();
    return BROKEN_PIPE_STATUS;
  }
  endOutput();
  await closed;
  return 0;
}

/** Closes the output, so that the reader of a pipe sees its end: Node never closes standard output itself. */
function endOutput(): void {
  const output = process.stdout.fd;
  const kind = fstatSync(output);
  if (!kind.isFIFO() && !kind.isSocket()) return;
  closeSync(output);
  // The lowest free number is taken: nothing else must come by it, a socket above all.
  openSync(devNull, "w");
}
