import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { SshError } from "@nacre/wire";
import { unwritable } from "./unwritable.ts";

/**
 * Copies a stream to standard output or error, which stays open. `name` names it in errors. Resolves with false if its reader has gone
 * away; `from` is destroyed then. Rejects with `file-unwritable`, or with the error of `from`.
 */
export async function carry(from: Readable, to: Writable, name: string): Promise<boolean> {
  try {
    await pipeline(from, to, { end: false });
    await new Promise<void>((resolve, reject) => {
      to.write("", (error) => (error ? reject(error) : resolve()));
    });
    return true;
  } catch (error) {
    if (error instanceof SshError) throw error;
    if ((error as NodeJS.ErrnoException).code !== "EPIPE") throw unwritable(name, error);
    return false;
  }
}
