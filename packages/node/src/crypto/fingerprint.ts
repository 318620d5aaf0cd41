import { hash } from "node:crypto";
import { formatFingerprint } from "@nacre/keys/internal";

/** The fingerprint of a public key blob, as `ssh-keygen -l` prints it. */
export function fingerprint(blob: Uint8Array): string {
  return formatFingerprint("SHA256", hash("sha256", blob, "buffer"));
}
