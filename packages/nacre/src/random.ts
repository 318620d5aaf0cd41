import { type RandomSource, SshError } from "@nacre/wire";

/** Random bytes of the platform, which {@link checkRandom} has looked for. */
export const platformRandom: RandomSource = (length) => {
  const bytes = new Uint8Array(length);
  // getRandomValues takes at most 65,536 bytes a call.
  for (let offset = 0; offset < length; offset += 65_536) {
    crypto.getRandomValues(bytes.subarray(offset, Math.min(offset + 65_536, length)));
  }
  return bytes;
};

/** Throws `usage` where there is neither a random source nor one of the platform, as in React Native. */
export function checkRandom(random: RandomSource | undefined): void {
  if (random !== undefined || typeof globalThis.crypto?.getRandomValues === "function") return;
  throw new SshError(
    "usage",
    "this platform has no crypto.getRandomValues: give the option `random`, a function that returns that many random bytes",
  );
}
