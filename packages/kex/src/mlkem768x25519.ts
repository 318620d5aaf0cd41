import { sha256 } from "@noble/hashes/sha2.js";
import { mlkem768X25519 } from "./hybrid.ts";
import type { KexMethod } from "./method.ts";
import { mlKem768 } from "./ml-kem.ts";
import { x25519KeyPair } from "./x25519.ts";

/** mlkem768x25519-sha256 (RFC 10042), implemented with noble. */
export const mlkem768X25519Sha256: KexMethod = /* @__PURE__ */ mlkem768X25519(mlKem768, x25519KeyPair, (message) =>
  sha256(message),
);
