import { lstatSync, type Stats } from "node:fs";
import type { NativePath } from "./native-path.ts";

/** What names a file of this system for good, even after it was renamed. */
export type FileId = Pick<Stats, "dev" | "ino">;

/**
 * Files that are being truncated in the thread pool, with a Promise for the end. Until then the system lets no other call change them: a
 * synchronous one would hold the event loop, one of the pool a thread.
 */
const busy = new Map<string, Promise<void>>();

/** Returns a Promise for the end of a file's truncation, or `undefined` if there is none. */
export function busyUntil(file: FileId): Promise<void> | undefined {
  return busy.size === 0 ? undefined : busy.get(keyOf(file));
}

/** Returns the same for the file at a path, without following a symbolic link. */
export function busyAt(path: NativePath): Promise<void> | undefined {
  if (busy.size === 0) return undefined;
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats && busyUntil(stats);
}

/** Makes a call once a file is not busy. */
export async function whenFree<T>(file: FileId, call: () => T | Promise<T>): Promise<T> {
  for (let end = busyUntil(file); end !== undefined; end = busyUntil(file)) await end;
  return call();
}

/** Makes a call that keeps a file busy, once nothing else does. */
export function keepBusy(file: FileId, call: () => Promise<void>): Promise<void> {
  return whenFree(file, async () => {
    const key = keyOf(file);
    const ended = call();
    // Those who wait do not get its error.
    busy.set(
      key,
      ended.catch(() => {}),
    );
    try {
      await ended;
    } finally {
      busy.delete(key);
    }
  });
}

/** Returns the name of a file for maps. */
export function keyOf({ dev, ino }: FileId): string {
  return `${dev}:${ino}`;
}
