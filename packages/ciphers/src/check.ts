import type { CipherAlgorithm, DirectionKeys, MacAlgorithm } from "@nacre/packet";
import { SshError } from "@nacre/wire";

/**
 * Throws `internal` if a key has the wrong length, or if a MAC is missing or not allowed. Without the check, a bug could weaken the keys.
 */
export function checkKeys(cipher: CipherAlgorithm, keys: DirectionKeys, mac: MacAlgorithm | undefined): void {
  const wanted = [cipher.keyLength, cipher.ivLength, mac?.keyLength ?? 0].join("/");
  const given = [keys.key.length, keys.iv.length, keys.macKey.length].join("/");
  if (wanted !== given)
    throw new SshError("internal", `${cipher.name}: expected key/IV/MAC key lengths of ${wanted} bytes, got ${given}`);
  if ((mac === undefined) !== cipher.aead)
    throw new SshError("internal", `${cipher.name} ${cipher.aead ? "takes no MAC" : "needs a MAC"}`);
}

/** Throws `mac-mismatch` unless the tag in `slab` at `offset` equals `expected`. Compares in constant time. */
export function checkTag(expected: Uint8Array, slab: Uint8Array, offset: number): void {
  let difference = 0;
  for (let i = 0; i < expected.length; i++) difference |= expected[i]! ^ slab[offset + i]!;
  if (difference !== 0) throw mismatch();
}

/** Returns the `mac-mismatch` error. It contains no detail that could help an attacker. */
export function mismatch(): SshError {
  return new SshError("mac-mismatch", "a packet failed its integrity check; it was corrupted or forged in transit");
}
