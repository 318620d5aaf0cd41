import { certifiedKeyBlob, defaultKeyFormats, parsePublicKey } from "@nacre/keys/internal";
import { md5 } from "@noble/hashes/legacy.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { drawRandomart } from "./draw-randomart.ts";

/**
 * Returns the picture of a public key's fingerprint that `ssh-keygen -lv` prints: 11 lines, without a final newline. Throws like
 * `parsePublicKey`.
 */
export function randomart(blob: Uint8Array, hash: "sha256" | "md5" = "sha256"): string {
  const plain = certifiedKeyBlob(blob, defaultKeyFormats);
  return drawRandomart(parsePublicKey(blob), hash, hash === "sha256" ? sha256(plain) : md5(plain));
}
