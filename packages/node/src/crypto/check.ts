import { timingSafeEqual } from "node:crypto";
import type { CipherAlgorithm, DirectionKeys, MacAlgorithm } from "@nacre/packet";
import { SshError } from "@nacre/wire";

/** Refuses keys that were not cut to the algorithm's lengths: a fault of the caller that must not turn into a weak key. */
export function checkKeys(cipher: CipherAlgorithm, keys: DirectionKeys, mac: MacAlgorithm | undefined): void {
  const { key, iv, macKey } = keys;
  const fits =
    key.length === cipher.keyLength && iv.length === cipher.ivLength && macKey.length === (mac?.keyLength ?? 0);
  if (!fits || (mac === undefined) !== cipher.aead) throw new SshError("internal", `wrong keys for ${cipher.name}`);
}

/** Throws `mac-mismatch` unless the tag of a packet, which lies in `slab` at `offset`, is the expected one. In constant time. */
export function checkTag(expected: Uint8Array, slab: Uint8Array, offset: number): void {
  // rule: node-tag
  if (!timingSafeEqual(expected, slab.subarray(offset, offset + expected.length))) throw mismatch();
}

/** Says nothing about what was wrong. */
export function mismatch(): SshError {
  return new SshError("mac-mismatch", "a packet failed its integrity check: it was corrupted or forged on the way");
}
