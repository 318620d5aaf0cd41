import { equalBytes, type RandomSource, SshError } from "@nacre/wire";
import { x25519 } from "@noble/curves/ed25519.js";
import type { KeyPair } from "./two-strings.ts";

/** Bytes of an X25519 private key, public key and secret (RFC 7748 §5). */
export const X25519_LENGTH = 32;

/** X25519 (RFC 7748), but for a peer's value that would make the secret known to everybody (RFC 8731 §3). */
export function x25519KeyPair(random: RandomSource): KeyPair {
  const secretKey = random(X25519_LENGTH);
  return { publicKey: x25519.getPublicKey(secretKey), agree: (publicKey) => agree(secretKey, publicKey) };
}

function agree(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  if (publicKey.length !== X25519_LENGTH) {
    throw new SshError(
      "kex-failed",
      `the peer's curve25519 value has ${publicKey.length} bytes instead of ${X25519_LENGTH}`,
    );
  }
  let sharedSecret: Uint8Array;
  try {
    sharedSecret = x25519.getSharedSecret(secretKey, publicKey);
  } catch {
    sharedSecret = new Uint8Array(X25519_LENGTH);
  }
  if (equalBytes(sharedSecret, new Uint8Array(X25519_LENGTH))) {
    throw new SshError("kex-failed", "the peer's curve25519 value is a point of small order, which makes the secret 0");
  }
  return sharedSecret;
}
