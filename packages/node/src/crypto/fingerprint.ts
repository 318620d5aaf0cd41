import { formatFingerprint } from "@nacre/keys/internal";
import { hash } from "./bytes.ts";

/** Returns the fingerprint of a public key blob, in the format of `ssh-keygen -l -E`; by default the SHA-256 fingerprint. */
export function fingerprint(blob: Uint8Array, by: "sha256" | "md5" = "sha256"): string {
  return formatFingerprint(by === "sha256" ? "SHA256" : "MD5", hash(by, blob, "buffer"));
}
