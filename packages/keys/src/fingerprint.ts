import { md5 } from "@noble/hashes/legacy.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { formatFingerprint } from "./fingerprint-text.ts";

/**
 * The fingerprint of a public key's blob, as `ssh-keygen -l -E` prints it: `"SHA256:"` and base64 without padding, or
 * `"MD5:"` and hexadecimal parted by colons. MD5 is for comparing with what older programs show, and secures nothing.
 */
export function fingerprint(blob: Uint8Array, hash: "sha256" | "md5"): string {
  return hash === "sha256" ? sha256Fingerprint(blob) : formatFingerprint("MD5", md5(blob));
}

/** The fingerprint with SHA-256: of the two the one that a program needs which is no key manager. */
export function sha256Fingerprint(blob: Uint8Array): string {
  return formatFingerprint("SHA256", sha256(blob));
}
