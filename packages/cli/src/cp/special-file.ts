import { constants } from "node:fs";
import { open } from "node:fs/promises";
import type { TransferSink } from "@nacre/files";
import { devicePath, isWindows, showPath } from "@nacre/node/extend";
import { unwritable } from "../ssh/unwritable.ts";

/** Paths of this process's standard output. If that is redirected to a file, a copy would replace the file while others write to it. */
const STANDARD_OUTPUT: ReadonlySet<string> = new Set(["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"]);

/** Returns whether a path of this machine is that of standard output. */
export function isStandardOutput(path: string): boolean {
  return STANDARD_OUTPUT.has(path) && !isWindows();
}

/**
 * Returns a function that writes what is downloaded into a device or pipe of this machine, such as `/dev/null`, or to standard output.
 * Rejects with `file-unwritable`.
 */
export function intoSpecial(path: string): TransferSink {
  return isStandardOutput(path) ? intoStandardOutput : (chunks) => intoFile(path, chunks);
}

async function intoFile(path: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  // Without O_NOCTTY, a terminal could become that of this process.
  const file = await writing(path, () => open(devicePath(path), constants.O_WRONLY | (constants.O_NOCTTY ?? 0)));
  try {
    for await (const chunk of chunks)
      for (let at = 0; at < chunk.length; )
        at += (await writing(path, () => file.write(chunk, at, chunk.length - at))).bytesWritten;
  } finally {
    await file.close();
  }
}

async function intoStandardOutput(chunks: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of chunks)
    await writing(
      "/dev/stdout",
      () =>
        new Promise<void>((resolve, reject) => {
          process.stdout.write(chunk, (error) => (error ? reject(error) : resolve()));
        }),
    );
}

async function writing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw unwritable(showPath(path), cause);
  }
}
