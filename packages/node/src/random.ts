import { randomFillSync } from "node:crypto";

/** Random bytes in memory of their own, and never of Node's pool. */
export function nodeRandom(length: number): Uint8Array {
  return randomFillSync(new Uint8Array(length));
}
