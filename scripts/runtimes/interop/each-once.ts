import type { Combination } from "@nacre/testing/interop/algorithms";
import type { Factors } from "@nacre/testing/interop/pairwise";

/** The fewest combinations in which each name occurs: one for each name of the longest list; shorter lists repeat. */
export function eachOnce({ kex, encryption, hostKey, userKey }: Factors<Combination>): Combination[] {
  const length = Math.max(kex.length, encryption.length, hostKey.length, userKey.length);
  return Array.from({ length }, (_, i) => ({
    kex: kex[i % kex.length]!,
    encryption: encryption[i % encryption.length]!,
    hostKey: hostKey[i % hostKey.length]!,
    // One further along, so that a user's key is another than the host's.
    userKey: userKey[(i + 1) % userKey.length]!,
  }));
}
