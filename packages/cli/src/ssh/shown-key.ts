import { randomart } from "@nacre/keyfiles";
import { fingerprint } from "@nacre/keys";
import type { FingerprintHash } from "./questions.ts";

/** Returns what a user sees of a host key. Load it on demand: few connections show a key. */
export function shownKey(
  blob: Uint8Array,
  hash: FingerprintHash,
): { readonly fingerprint: string; readonly picture: string } {
  return { fingerprint: fingerprint(blob, hash), picture: randomart(blob, hash) };
}
