import { close, fstatSync, ftruncate, ftruncateSync, lstatSync, type Stats } from "node:fs";
import { promisify } from "node:util";
import { busyUntil, keepBusy } from "./busy-files.ts";
import type { Place } from "./directory-tree.ts";
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

/** Returns whether closing a descriptor may free a long file, because its last name is gone. */
export function freesLongFile(descriptor: number): boolean {
  const stats = fstatSync(descriptor);
  return stats.nlink === 0 && isLong(stats);
}

/** Sets the size of an open file. That of a short one is set before this returns. */
export async function resize(login: string, descriptor: number, size: number): Promise<void> {
  const stats = fstatSync(descriptor);
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
