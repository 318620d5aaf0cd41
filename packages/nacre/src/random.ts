import { type RandomSource, SshError } from "@nacre/wire";

/** Returns random bytes from the platform. Call `checkRandom` first to make sure that the platform has a random source. */
export const platformRandom: RandomSource = (length) => {
  const bytes = new Uint8Array(length);
  // `getRandomValues` throws above 65,536 bytes per call.
  for (let offset = 0; offset < length; offset += 65_536) {
    crypto.getRandomValues(bytes.subarray(offset, Math.min(offset + 65_536, length)));
  }
  return bytes;
};

/** Throws `usage` if `random` is not given and the platform has no random source. React Native has none. */
export function checkRandom(random: RandomSource | undefined): void {
  if (random !== undefined || typeof globalThis.crypto?.getRandomValues === "function") return;
  throw new SshError("usage", "this platform has no `crypto.getRandomValues`; set `random`");
}
