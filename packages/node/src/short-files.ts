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
import type { ShortFileAttributes } from "nacre/sftp";

/**
 * Time in milliseconds after which a synchronous call counts as slow. On a file system whose contents are cached, a call takes some
 * microseconds; an asynchronous one costs several times as much CPU time.
 */
const SLOW = 2;

/**
 * After two slow calls in a row, this many times their duration pass until the next synchronous one. So slow calls block a twentieth of
 * the time at most. A single slow call may be due to another process.
 */
const REST_FACTOR = 20;

/** Time before which no synchronous call is made. */
let restsUntil = 0;

/** Milliseconds of the last call if it was slow, or 0. */
let slowTime = 0;

/** Reads a regular file of `size` bytes. Returns `undefined` if its size is another one, or a short time after a slow call. */
export function readShort(path: string | Buffer, size: number, flags: number): Uint8Array | undefined {
  return unlessSlow(() => {
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

/** Creates a file with these contents and attributes. Returns false and does nothing a short time after a slow call. */
export function createShort(
  path: string | Buffer,
  bytes: Uint8Array,
  flags: number,
  { mode, exact }: ShortFileAttributes,
): boolean {
  const isDone = unlessSlow(() => {
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

/** Returns attributes, of a link itself. Returns `undefined` a short time after a slow call. */
export function lstatShort(path: string | Buffer): Stats | undefined {
  return unlessSlow(() => lstatSync(path));
}

/** Renames a file. */
export async function rename(from: string | Buffer, to: string | Buffer): Promise<void> {
  const isDone = unlessSlow(() => {
    renameSync(from, to);
    return true;
  });
  if (isDone !== true) await fs.rename(from, to);
}

/** Does synchronous work, or returns `undefined` a short time after a slow call. */
function unlessSlow<T>(work: () => T): T | undefined {
  const began = performance.now();
  if (began < restsUntil) return undefined;
  try {
    return work();
  } finally {
    const ended = performance.now();
    const time = ended - began;
    if (time > SLOW && slowTime > 0) restsUntil = ended + REST_FACTOR * (time + slowTime);
    slowTime = time > SLOW ? time : 0;
  }
}
