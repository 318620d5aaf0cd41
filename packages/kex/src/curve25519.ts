import { sha256 } from "@noble/hashes/sha2.js";
import type { KexMethod } from "./method.ts";
import { ecdh } from "./two-strings.ts";
import { x25519KeyPair } from "./x25519.ts";

/** curve25519-sha256 (RFC 8731), whose K is the 32 bytes of X25519 as they stand, read as a big-endian integer (§3.1). */
export const curve25519Sha256: KexMethod = /* @__PURE__ */ curve25519("curve25519-sha256");

/** The same method under the name it had before RFC 8731. */
export const curve25519Sha256Libssh: KexMethod = /* @__PURE__ */ curve25519("curve25519-sha256@libssh.org");

function curve25519(name: string): KexMethod {
  return ecdh(name, (message) => sha256(message), x25519KeyPair);
}
