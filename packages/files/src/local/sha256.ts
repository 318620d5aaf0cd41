import type { Sha256 } from "./local-files.ts";

/** Makes SHA-256 computations. */
export type Sha256Maker = () => Promise<Sha256>;

/** Returns the local side's SHA-256, or noble's, which is loaded on first use: most transfers compute none. */
export function sha256Maker(native: (() => Sha256) | undefined): Sha256Maker {
  return async () => native?.() ?? nobleSha256();
}

async function nobleSha256(): Promise<Sha256> {
  const [{ sha256 }, { bytesToHex }] = await Promise.all([
    import("@noble/hashes/sha2.js"),
    import("@noble/hashes/utils.js"),
  ]);
  const state = sha256.create();
  return {
    update: (bytes) => void state.update(bytes),
    digest: () => bytesToHex(state.clone().digest()),
  };
}
