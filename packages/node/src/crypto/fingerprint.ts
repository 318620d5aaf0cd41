import { hash } from "node:crypto";
import { formatFingerprint } from "@nacre/keys/internal";

/** Returns the SHA-256 fingerprint of a public key blob, in the format of `ssh-keygen -l`. */
export function fingerprint(blob: Uint8Array): string {
  return formatFingerprint("SHA256", hash("sha256", blob, "buffer"));
}
