import {
  close,
  constants,
  fdatasync,
  fstatSync,
  ftruncate,
  ftruncateSync,
  lstatSync,
  openSync,
  type Stats,
} from "node:fs";
import { promisify } from "node:util";
import type { Place } from "./directory-tree.ts";
import { LoginQueue } from "./login-queue.ts";
import type { NativePath } from "./native-path.ts";

/**
 * Length in bytes of a long file. To free its blocks takes as long as it has extents, up to some milliseconds for each, so a long file is
 * truncated, and closed when its name is gone, by slow calls.
 */
const LONG = 64 * 1024;

/** Size in bytes of a block of `Stats.blocks`. */
const BLOCK = 512;

/** A file with more blocks than its size needs has space allocated behind its end, one with fewer has holes. */
function isLong({ size, blocks }: Stats): boolean {
  return size > LONG || blocks * BLOCK > LONG;
}

/** Closes a descriptor in the thread pool. */
export const closeLater: (descriptor: number) => Promise<void> = promisify(close);

const truncateLater = promisify(ftruncate);
const storeLater = promisify(fdatasync);

/** Files that were emptied and not closed since. ext4, XFS and btrfs find blocks for their new contents at the next close. */
const emptied = new Set<string>();

/** Returns whether closing a descriptor may free a long file, because its last name is gone, or store one that was emptied before. */
export function closesSlowly(descriptor: number): boolean {
  const stats = fstatSync(descriptor);
  // rule: sftp-disk-emptied
  const wasEmptied = emptied.delete(keyOf(stats));
  return isLong(stats) && (stats.nlink === 0 || wasEmptied);
}

/**
 * Returns a Promise for the end of storing a long file, or `undefined` if there is nothing to store: ext4 finds blocks for the contents of
 * a file that is renamed over another one, which takes as long as for a removal. `stored` is the file that was stored before.
 */
export function storeBeforeReplacing(
  login: string,
  { from, to, stored }: { readonly from: NativePath; readonly to: NativePath; readonly stored: FileId | undefined },
): { readonly file: FileId; readonly ended: Promise<void> } | undefined {
  const file = lstatSync(from);
  if (!file.isFile() || !isLong(file) || lstatSync(to, { throwIfNoEntry: false }) === undefined) return undefined;
  if (stored !== undefined && keyOf(stored) === keyOf(file)) return undefined;
  const descriptor = openAny(from);
  const store = (): Promise<void> => keepBusy(file, () => storeLater(descriptor)).finally(() => closeLater(descriptor));
  return { file, ended: slowCalls.run(login, store) };
}

/** Opens a regular file that the account may read or write. */
function openAny(path: NativePath): number {
  const flags = constants.O_NOFOLLOW | constants.O_NONBLOCK;
  try {
    return openSync(path, constants.O_RDONLY | flags);
  } catch {
    return openSync(path, constants.O_WRONLY | flags);
  }
}

/** Sets the size of an open file. That of a short one is set before this returns. */
export async function resize(login: string, descriptor: number, size: number): Promise<void> {
  const stats = fstatSync(descriptor);
  if (size === 0) emptied.add(keyOf(stats));
  // Some file systems write zeros to lengthen a file.
  // rule: sftp-disk-long-resize
  if (isLong(stats) || size > LONG || busyUntil(stats) !== undefined)
    return slowCalls.run(login, () => keepBusy(stats, () => truncateLater(descriptor, size)));
  ftruncateSync(descriptor, size);
}

/**
 * Removes or replaces the name of an entry by a synchronous call. A descriptor holds what is long until then, so the name is gone at
 * once, and closing the descriptor frees the rest.
 */
export async function removeName(login: string, { directory, name }: Place, remove: () => void): Promise<void> {
  const stats = lstatSync(directory.at(name), { throwIfNoEntry: false });
  // rule: sftp-disk-long-removal
  const held = stats !== undefined && isLong(stats) ? directory.hold(name) : undefined;
  try {
    remove();
  } finally {
    if (held !== undefined) await slowCalls.run(login, () => closeLater(held));
  }
}

/** Identifies a file of this system, even after it was renamed. */
export type FileId = Pick<Stats, "dev" | "ino">;

/**
 * Files that are being truncated in the thread pool, with a Promise for the end. Until then the system lets no other call change them: a
 * synchronous one would hold the event loop, one of the pool a thread.
 */
const busy = new Map<string, Promise<void>>();

/** Returns a Promise that resolves when the file's pending truncation ends; `undefined` if none is pending. */
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

/** Slow calls at once. The thread pool has four threads by default; logins, lookups of names and other files need the rest. */
const AT_ONCE = 2;

/**
 * Runs calls of the thread pool that may take seconds: two at once, and one for each login. Logins are served one after another. Such a
 * call frees the blocks of a file, which takes as long as the file is long, or stores them.
 */
export class SlowCalls {
  /** Logins with a call in flight. */
  readonly #running = new Set<string>();
  readonly #waiting = new LoginQueue<() => Promise<void>>();

  /** Runs a call when its login is served. Settles as it does. */
  run<T>(login: string, call: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.add(login, async () => {
        this.#running.add(login);
        try {
          resolve(await call());
        } catch (error) {
          reject(error);
        }
        this.#running.delete(login);
        this.#startNext();
      });
      this.#startNext();
    });
  }

  #startNext(): void {
    // rule: sftp-disk-slow-at-once
    if (this.#running.size >= AT_ONCE) return;
    void this.#waiting.take((login) => /* rule: sftp-disk-slow-login */ !this.#running.has(login))?.();
  }
}

/** The slow calls of this process. */
export const slowCalls: SlowCalls = new SlowCalls();
