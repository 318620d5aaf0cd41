import { sha256 } from "@noble/hashes/sha2.js";
import { ecdsaNistp256 } from "./ecdsa.ts";
import { ecdsaNistp256Format } from "./ecdsa-format.ts";
import { ed25519 } from "./ed25519.ts";
import { ed25519Format } from "./ed25519-format.ts";
import type { SignatureAlgorithm } from "./key.ts";
import { securityKeyAlgorithm, skEcdsaNistp256Format, skEd25519Format, webauthnAlgorithm } from "./security-key.ts";

/** Ed25519 keys on FIDO tokens (OpenSSH PROTOCOL.u2f). Nacre verifies their signatures; the token makes them. */
export const skEd25519: SignatureAlgorithm = /* @__PURE__ */ securityKeyAlgorithm(
  skEd25519Format,
  { format: ed25519Format, algorithm: ed25519 },
  sha256,
);
/** ECDSA keys on FIDO tokens, on P-256 (OpenSSH PROTOCOL.u2f). */
export const skEcdsaNistp256: SignatureAlgorithm = /* @__PURE__ */ securityKeyAlgorithm(
  skEcdsaNistp256Format,
  { format: ecdsaNistp256Format, algorithm: ecdsaNistp256 },
  sha256,
);
/** Passkeys of pages: keys of {@link skEcdsaNistp256} that sign what a browser wraps (OpenSSH PROTOCOL.u2f, WebAuthn). */
export const webauthnSkEcdsaNistp256: SignatureAlgorithm = /* @__PURE__ */ webauthnAlgorithm(ecdsaNistp256, sha256);
