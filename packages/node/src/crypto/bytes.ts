import type { Bytes } from "@nacre/wire";

/** Returns the same memory as a plain `Uint8Array`, because `Buffer.slice` does not copy and callers rely on a copy. */
export function plainBytes(buffer: Buffer<ArrayBuffer>): Bytes {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
