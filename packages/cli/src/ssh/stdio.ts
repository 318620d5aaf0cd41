import { closeSync, fstatSync, openSync } from "node:fs";
import { devNull } from "node:os";
import type { Client } from "@nacre/node";
import { SshError } from "@nacre/wire";
import type { ForwardTarget } from "nacre";
import { carry, inputFor } from "./carry.ts";

/**
 * Connects standard input and output to a target through the server (`-W`). Each direction runs until its EOF, and
 * both end when the reader of standard output goes away. Rejects with an `SshError` if the server does not connect to the target, if the
 * connection breaks, or with `file-unwritable`.
 */
export async function runStdio(client: Pick<Client, "dial">, target: ForwardTarget): Promise<void> {
  const { stdin, stdout } = process;
  const connection = await client.dial(target);
  const closed = new Promise((resolve) => connection.once("close", resolve));
  // Ignored after the end of the output; before it, `carry` rejects.
  connection.on("error", () => {});
  // Destroy instead of sending EOF: truncated input must not look complete.
  stdin.on("error", (cause: Error) =>
    connection.destroy(new SshError("file-unreadable", `cannot read standard input: ${cause.message}`, { cause })),
  );
  stdin.pipe(inputFor(connection));
  if (!(await carry(connection, stdout, "standard output"))) return;
  endOutput();
  await closed;
}

/** Closes standard output so that the reader of a pipe sees its end. Node never closes it. */
function endOutput(): void {
  const output = process.stdout.fd;
  const kind = fstatSync(output);
  if (!kind.isFIFO() && !kind.isSocket()) return;
  closeSync(output);
  // Occupy the freed descriptor number, so that a new socket cannot become standard output.
  openSync(devNull, "w");
}
