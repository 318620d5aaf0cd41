import { type Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { freeOwned } from "@nacre/node/extend";
import { type Bytes, SshError } from "@nacre/wire";
import { unwritable } from "./unwritable.ts";

/**
 * Copies a stream to standard output or error, which stays open. `name` names it in errors. Resolves with false if its reader has gone
 * away; `from` is destroyed then. Rejects with `file-unwritable`, or with the error of `from`.
 */
export async function carry(from: Readable, to: Writable, name: string): Promise<boolean> {
  try {
    await pipeline(from, freeingWriter(to, { ends: false }));
    return true;
  } catch (error) {
    if (error instanceof SshError) throw error;
    if ((error as NodeJS.ErrnoException).code !== "EPIPE") throw unwritable(name, error);
    return false;
  }
}

/** Returns a stream to pipe standard input into: it passes everything on to `to`, and ends it. Only `to` itself reports its errors. */
export function inputFor(to: Writable): Writable {
  return freeingWriter(to, { ends: true }).on("error", () => {});
}

/**
 * Returns a stream that writes chunks to `to`, and ends it if `ends`. A chunk's memory is freed once `to` has taken it, so that the garbage
 * collector runs less often: a command that prints or reads 256 MiB takes a tenth less CPU time.
 */
function freeingWriter(to: Writable, { ends }: { readonly ends: boolean }): Writable {
  return new Writable({
    write(chunk: Bytes, _encoding, callback) {
      to.write(chunk, (error) => {
        if (!error) freeOwned(chunk);
        callback(error);
      });
    },
    final(callback) {
      if (ends) to.end(callback);
      else callback();
    },
  });
}
