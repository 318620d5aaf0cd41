import { base64Encode, toHex } from "@nacre/wire";
import { md5 } from "@noble/hashes/legacy.js";
import { sha256 } from "@noble/hashes/sha2.js";

/**
 * The fingerprint of a public key's blob, as `ssh-keygen -l -E` prints it: `"SHA256:"` and base64 without padding, or
 * `"MD5:"` and hexadecimal parted by colons. MD5 is for comparing with what older programs show, and secures nothing.
 */
export function fingerprint(blob: Uint8Array, hash: "sha256" | "md5"): string {
  if (hash === "sha256") return `SHA256:${base64Encode(sha256(blob)).replaceAll("=", "")}`;
  return `MD5:${toHex(md5(blob)).replaceAll(/..(?=.)/g, "$&:")}`;
}
