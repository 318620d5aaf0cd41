import type { RandomSource } from "@nacre/wire";
import { x25519 } from "@noble/curves/ed25519.js";
import { X25519_LENGTH, x25519Pair } from "./checked.ts";
import type { KeyPair } from "./two-strings.ts";

/** Creates an X25519 key pair with noble. */
export function x25519KeyPair(random: RandomSource): KeyPair {
  const secretKey = random(X25519_LENGTH);
  return x25519Pair(x25519.getPublicKey(secretKey), (peers) => x25519.getSharedSecret(secretKey, peers));
}
