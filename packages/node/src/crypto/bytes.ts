import type { Bytes } from "@nacre/wire";

/** The same memory without `Buffer`'s methods: its `slice`, for one, does not copy, which other code relies on. */
export function plainBytes(buffer: Buffer<ArrayBuffer>): Bytes {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
}
