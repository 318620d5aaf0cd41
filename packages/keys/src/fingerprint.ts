import { md5 } from "@noble/hashes/legacy.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { formatFingerprint } from "./fingerprint-text.ts";

/**
 * Returns the fingerprint of a public key blob as `ssh-keygen -l -E` prints it: `"SHA256:"` and base64 without padding, or
 * `"MD5:"` and hexadecimal separated by colons. MD5 is not secure; use it only to compare with the output of older programs.
 */
export function fingerprint(blob: Uint8Array, hash: "sha256" | "md5"): string {
  return hash === "sha256" ? sha256Fingerprint(blob) : formatFingerprint("MD5", md5(blob));
}

/** Returns the SHA-256 fingerprint of a public key blob. Unlike {@link fingerprint}, it adds no MD5 code to a bundle. */
export function sha256Fingerprint(blob: Uint8Array): string {
  return formatFingerprint("SHA256", sha256(blob));
}
