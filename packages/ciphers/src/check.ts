import type { CipherAlgorithm, DirectionKeys, MacAlgorithm } from "@nacre/packet";
import { SshError } from "@nacre/wire";

/** Refuses keys that were not cut to the algorithm's lengths: a fault of the caller that must not turn into a weak key. */
export function checkKeys(cipher: CipherAlgorithm, keys: DirectionKeys, mac: MacAlgorithm | undefined): void {
  const wanted = [cipher.keyLength, cipher.ivLength, mac?.keyLength ?? 0].join("/");
  const given = [keys.key.length, keys.iv.length, keys.macKey.length].join("/");
  if (wanted !== given)
    throw new SshError("internal", `${cipher.name} takes key/IV/MAC key of ${wanted} bytes, and was given ${given}`);
  if ((mac === undefined) !== cipher.aead)
    throw new SshError("internal", `${cipher.name} ${cipher.aead ? "takes no MAC" : "needs a MAC"}`);
}

/**
 * Throws `mac-mismatch` unless the tag of a packet, which lies in `slab` at `offset`, is the expected one. Takes the same time
 * whichever bytes differ.
 */
export function checkTag(expected: Uint8Array, slab: Uint8Array, offset: number): void {
  let difference = 0;
  for (let i = 0; i < expected.length; i++) difference |= expected[i]! ^ slab[offset + i]!;
  if (difference !== 0) throw mismatch();
}

/** Says nothing about what was wrong. */
export function mismatch(): SshError {
  return new SshError("mac-mismatch", "a packet failed its integrity check: it was corrupted or forged on the way");
}
