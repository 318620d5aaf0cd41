import { equalBytes, SshError } from "@nacre/wire";
import type { KeyPair } from "./two-strings.ts";

/** Bytes of an X25519 private key, public key and secret (RFC 7748 §5). */
export const X25519_LENGTH = 32;

/**
 * A key pair of X25519 (RFC 7748), but for a peer's value that would make the secret known to everybody (RFC 8731 §3). `agree` is given
 * 32 bytes, and for a point of small order either throws or gives 32 zeros.
 */
export function x25519Pair(publicKey: Uint8Array, agree: (peersPublicKey: Uint8Array) => Uint8Array): KeyPair {
  return {
    publicKey,
    agree(peersPublicKey) {
      // rule: x25519-length
      if (peersPublicKey.length !== X25519_LENGTH) {
        throw new SshError(
          "kex-failed",
          `the peer's curve25519 value has ${peersPublicKey.length} bytes instead of ${X25519_LENGTH}`,
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
          "the peer's curve25519 value is a point of small order, which makes the secret 0",
        );
      }
      return sharedSecret;
    },
  };
}

/**
 * A key pair on the curve of that name (RFC 5656 §4, SEC 1 §3.2.2). `publicKey` is an uncompressed point; `agree` is given what looks like
 * one too, and throws when it is not on the curve. It gives the x-coordinate of the common point. The curves have no small subgroups.
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
          `the peer's ${curveName} value is no uncompressed point: it has ${length} bytes and begins with ${first ?? "none"}, where a point has ${publicKey.length} and begins with 4`,
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
