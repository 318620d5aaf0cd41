import type { Combination } from "@nacre/testing/interop/algorithms";
import type { Factors } from "@nacre/testing/interop/pairwise";

/** Returns combinations that contain each name at least once. Their number is the length of the longest list; shorter lists repeat. */
export function eachOnce({ kex, encryption, hostKey, userKey }: Factors<Combination>): Combination[] {
  const length = Math.max(kex.length, encryption.length, hostKey.length, userKey.length);
  return Array.from({ length }, (_, i) => ({
    kex: kex[i % kex.length]!,
    encryption: encryption[i % encryption.length]!,
    hostKey: hostKey[i % hostKey.length]!,
    // Shift this list by one, so that the user key and the host key have different types.
    userKey: userKey[(i + 1) % userKey.length]!,
  }));
}
