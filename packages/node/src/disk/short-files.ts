import {
  closeSync,
  fchmodSync,
  fstatSync,
  futimesSync,
  lstatSync,
  openSync,
  readSync,
  renameSync,
  type Stats,
  writeSync,
} from "node:fs";
import * as fs from "node:fs/promises";
import type { ShortFileAttributes } from "@nacre/files";
import { diskTurn } from "./turn-budget.ts";

/** Reads a regular file of `size` bytes. Returns `undefined` if its size is another one, or if the turn has no time left or the disk is slow. */
export function readShort(path: string | Buffer, size: number, flags: number): Uint8Array | undefined {
  return diskTurn.attempt(() => {
    const fd = openSync(path, flags);
    try {
      if (!fstatSync(fd).isFile()) throw new Error("it is not a regular file any more");
      // One byte more shows whether the file has grown.
      const buffer = allocate(size + 1);
      return readSync(fd, buffer, 0, buffer.length, 0) === size ? buffer.subarray(0, size) : undefined;
    } finally {
      closeSync(fd);
    }
  });
}

/** Length in bytes of the memory that is allocated at once. */
const SLAB_LENGTH = 128 * 1024;

/** Memory of which `slabUsed` bytes belong to files that have been read. */
let slab: Uint8Array<ArrayBuffer> = new Uint8Array(0);
let slabUsed = 0;

/**
 * Returns memory that is in use for nothing else and is not used again. It is allocated for many files at once, because an allocation for
 * each takes about as long as to read a short file.
 */
function allocate(length: number): Uint8Array<ArrayBuffer> {
  if (slab.length - slabUsed < length) {
    slab = new Uint8Array(Math.max(length, SLAB_LENGTH));
    slabUsed = 0;
  }
  const start = slabUsed;
  slabUsed += length;
  return slab.subarray(start, slabUsed);
}

/** Creates a file with these contents and attributes. Returns false and does nothing if the turn has no time left or the disk is slow. */
export function createShort(
  path: string | Buffer,
  bytes: Uint8Array,
  flags: number,
  { mode, exact }: ShortFileAttributes,
): boolean {
  const isDone = diskTurn.attempt(() => {
    const fd = openSync(path, flags, mode);
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, at);
      if (exact?.times !== undefined) futimesSync(fd, exact.times.atimeMs / 1000, exact.times.mtimeMs / 1000);
      if (exact?.mode !== undefined) fchmodSync(fd, exact.mode);
    } finally {
      closeSync(fd);
    }
    return true;
  });
  return isDone === true;
}

/** Returns attributes, of a link itself. Returns `undefined` if the turn has no time left or the disk is slow. */
export function lstatShort(path: string | Buffer): Stats | undefined {
  return diskTurn.attempt(() => lstatSync(path));
}

/** Renames a file. */
export async function rename(from: string | Buffer, to: string | Buffer): Promise<void> {
  const isDone = diskTurn.attempt(() => {
    renameSync(from, to);
    return true;
  });
  if (isDone !== true) await fs.rename(from, to);
}
