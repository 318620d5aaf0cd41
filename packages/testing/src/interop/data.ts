import { createHash, randomFillSync } from "node:crypto";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";

export const MIB = 2 ** 20;

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export function randomData(length: number): Uint8Array {
  return randomFillSync(new Uint8Array(length));
}

/** Writes `bytes` in chunks of 64 KiB, the chunk size of Node's file streams, and ends the stream. */
export function writeAll(stream: Writable, bytes: Uint8Array): Promise<void> {
  const chunks = function* (): Generator<Uint8Array> {
    for (let offset = 0; offset < bytes.length; offset += 65_536) yield bytes.subarray(offset, offset + 65_536);
  };
  return pipeline(chunks, stream);
}

/** Reads a stream to its end. Resolves with the digest and the length of its bytes. */
export async function digestOf(stream: Readable): Promise<{ readonly sha256: string; readonly length: number }> {
  const hash = createHash("sha256");
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    hash.update(chunk);
    length += chunk.length;
  }
  return { sha256: hash.digest("hex"), length };
}
