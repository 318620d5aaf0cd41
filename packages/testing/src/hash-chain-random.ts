import type { RandomSource } from "@nacre/wire";
import { sha256 } from "@noble/hashes/sha2.js";

/** Returns a deterministic source of bytes from a SHA-256 chain, for test keys and primes. Not random. */
export function hashChainRandom(seed: string): RandomSource {
  let state = sha256(new TextEncoder().encode(seed));
  return (length) => {
    const bytes = new Uint8Array(length);
    for (let offset = 0; offset < length; offset += 32) {
      state = sha256(state);
      bytes.set(sha256(Uint8Array.of(...state, 0)).subarray(0, length - offset), offset);
    }
    return bytes;
  };
}
