import type { Combination } from "@nacre/testing/interop/algorithms";
import type { Factors } from "@nacre/testing/interop/pairwise";

/** Returns the smallest set of combinations with each name at least once: as many as the longest list has. Shorter lists repeat. */
export function eachOnce({ kex, encryption, hostKey, userKey }: Factors<Combination>): Combination[] {
  const length = Math.max(kex.length, encryption.length, hostKey.length, userKey.length);
  return Array.from({ length }, (_, i) => ({
    kex: kex[i % kex.length]!,
    encryption: encryption[i % encryption.length]!,
    hostKey: hostKey[i % hostKey.length]!,
    // Shifted by one, so that user key and host key are of different types.
    userKey: userKey[(i + 1) % userKey.length]!,
  }));
}
