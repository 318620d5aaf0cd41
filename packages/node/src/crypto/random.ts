import { randomFillSync } from "node:crypto";

/** Returns random bytes in newly allocated memory, not in Node's buffer pool. */
export function nodeRandom(length: number): Uint8Array {
  return randomFillSync(new Uint8Array(length));
}
