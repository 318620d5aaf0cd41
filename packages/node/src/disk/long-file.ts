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
import { busyUntil, type FileId, keepBusy, keyOf } from "./busy-files.ts";
import type { Place } from "./directory-tree.ts";
import type { NativePath } from "./native-path.ts";
import { slowCalls } from "./slow-calls.ts";

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
 * Returns a Promise for the end of storing a long file, or `undefined` if there is nothing to store: ext4 finds blocks for the contents of a
 * file that is renamed over another one, which takes as long as for a removal. `stored` is the file that was stored before.
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
