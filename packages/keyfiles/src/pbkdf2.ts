import { hmac } from "@noble/hashes/hmac.js";
import type { CHash } from "@noble/hashes/utils.js";

/** Iterations between two yields; a few milliseconds. */
const SLICE = 2048;

/** Derives `length` bytes with PBKDF2 and HMAC (RFC 8018 §5.2). `iterations` is at least 1. Yields every few milliseconds. */
export function* pbkdf2(
  hash: CHash,
  passphrase: Uint8Array,
  salt: Uint8Array,
  iterations: number,
  length: number,
): Generator<void, Uint8Array> {
  const keyed = hmac.create(hash, passphrase);
  const work = keyed.clone();
  const size = hash.outputLen;
  const out = new Uint8Array(length);
  const u = new Uint8Array(size);
  for (let block = 0; block * size < length; block++) {
    const number = Uint8Array.of((block + 1) >>> 24, (block + 1) >>> 16, (block + 1) >>> 8, block + 1);
    keyed._cloneInto(work).update(salt).update(number).digestInto(u);
    const sum = u.slice();
    for (let i = 1; i < iterations; i++) {
      // Copy the keyed state instead of keying again, which halves the work.
      keyed._cloneInto(work).update(u).digestInto(u);
      for (let k = 0; k < size; k++) sum[k]! ^= u[k]!;
      if (i % SLICE === 0) yield;
    }
    out.set(sum.subarray(0, length - block * size), block * size);
  }
  keyed.destroy();
  work.destroy();
  return out;
}
