import { equalBytes, SshError } from "@nacre/wire";
import type { KeyPair } from "./two-strings.ts";

/** Length in bytes of an X25519 private key, public key and shared secret (RFC 7748 §5). */
export const X25519_LENGTH = 32;

/**
 * Creates an X25519 key pair (RFC 7748) that rejects public keys of small order, which would make the shared secret predictable (RFC 8731
 * §3). `agree` receives 32 bytes. For a point of small order, it must throw or return 32 zero bytes.
 */
export function x25519Pair(publicKey: Uint8Array, agree: (peersPublicKey: Uint8Array) => Uint8Array): KeyPair {
  return {
    publicKey,
    agree(peersPublicKey) {
      // rule: x25519-length
      if (peersPublicKey.length !== X25519_LENGTH) {
        throw new SshError(
          "kex-failed",
          `the peer's curve25519 value has ${peersPublicKey.length} bytes, expected ${X25519_LENGTH}`,
        );
      }
      const zero = new Uint8Array(X25519_LENGTH);
      let sharedSecret: Uint8Array;
      try {
        sharedSecret = agree(peersPublicKey);
      } catch {
        sharedSecret = zero;
      }
      // rule: zero-secret
      if (equalBytes(sharedSecret, zero)) {
        throw new SshError(
          "kex-failed",
          "the peer's curve25519 value is a point of small order, which makes the shared secret zero",
        );
      }
      return sharedSecret;
    },
  };
}

/**
 * Creates a key pair on the named NIST curve (RFC 5656 §4, SEC 1 §3.2.2). `publicKey` is an uncompressed point. `agree` receives bytes in
 * the same format and returns the x-coordinate of the shared point. It must throw if the point is not on the curve. The curves have no
 * small subgroups.
 */
export function nistPair(
  curveName: string,
  publicKey: Uint8Array,
  agree: (peersPublicKey: Uint8Array) => Uint8Array,
): KeyPair {
  return {
    publicKey,
    agree(peersPublicKey) {
      const { length, 0: first } = peersPublicKey;
      if (length !== publicKey.length || first !== 0x04) {
        throw new SshError(
          "kex-failed",
          `the peer's ${curveName} value is not an uncompressed point: expected ${publicKey.length} bytes and first byte 4, got ${length} bytes and first byte ${first ?? "none"}`,
        );
      }
      try {
        return agree(peersPublicKey);
      } catch {
        throw new SshError("kex-failed", `the peer's ${curveName} value is not on the curve`);
      }
    },
  };
}
