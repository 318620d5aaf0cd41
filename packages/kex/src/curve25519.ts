import { sha256 } from "@noble/hashes/sha2.js";
import type { KexMethod } from "./method.ts";
import { ecdh } from "./two-strings.ts";
import { x25519KeyPair } from "./x25519.ts";

/** curve25519-sha256 (RFC 8731). K is the 32-byte output of X25519, read as a big-endian integer (§3.1). */
export const curve25519Sha256: KexMethod = /* @__PURE__ */ curve25519("curve25519-sha256");

/** The same method under the name used before RFC 8731. */
export const curve25519Sha256Libssh: KexMethod = /* @__PURE__ */ curve25519("curve25519-sha256@libssh.org");

function curve25519(name: string): KexMethod {
  return ecdh(name, (message) => sha256(message), x25519KeyPair);
}
