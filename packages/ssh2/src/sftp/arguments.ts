/** Throws ssh2's error if a handle is not a Buffer. */
export function checkHandle(handle: unknown): asserts handle is Buffer {
  if (!Buffer.isBuffer(handle)) throw new Error("handle is not a Buffer");
}

/** Returns the bytes of a path or name. Throws Node's `TypeError`s for a value that is not text. */
export function pathBytes(path: unknown): Uint8Array {
  // `byteLength` throws Node's own error for other types.
  Buffer.byteLength(path as string);
  if (typeof path !== "string") throw new TypeError("argument must be a string");
  return Buffer.from(path);
}

/** Throws ssh2's error for `null`. In `node:fs`, `null` means the current position; SFTP has none. */
export function rejectNullPosition(position: unknown): void {
  if (position === null) throw new Error("null position currently unsupported");
}

/** Returns a position in a file. One that is not given is 0. */
export function positionOf(position: unknown): number {
  return Number.isNaN(Number(position)) ? 0 : Math.trunc(Number(position));
}

/** Throws ssh2's errors unless a range is within a buffer. `mayStartAtEnd` permits an empty range at the end. */
export function checkRange(buffer: unknown, offset: number, length: number, mayStartAtEnd: boolean): void {
  if (!Buffer.isBuffer(buffer)) throw new Error("buffer is not a Buffer");
  if (mayStartAtEnd ? offset > buffer.length : offset >= buffer.length) throw new Error("offset is out of bounds");
  if (offset + length > buffer.length) throw new Error("length extends beyond buffer");
}
