import type { RandomSource } from "@nacre/wire";
import { ed25519 as curve } from "@noble/curves/ed25519.js";
import { ED25519, type Ed25519Values, ed25519PrivateKeyWith, readEd25519Point } from "./ed25519-format.ts";
import { type KeyMaker, type PrivateKey, type SignatureAlgorithm, VALID } from "./key.ts";
import { readSignature } from "./signature.ts";

const SIGNATURE_LENGTH = 64;

/** ssh-ed25519 (RFC 8709 §6). Verifies by RFC 8032 §5.1.7: accepts only canonical encodings, and no public key of small order. */
export const ed25519: SignatureAlgorithm = {
  name: ED25519,
  signatureName: ED25519,
  keyFormat: ED25519,
  verify(publicKey, data, signature) {
    const point = readEd25519Point(publicKey, isPoint);
    const blob = readSignature(ED25519, signature);
    if (blob?.length !== SIGNATURE_LENGTH) return undefined;
    return curve.verify(blob, data, point, { zip215: false }) ? VALID : undefined;
  },
};

/** Whether the bytes are the canonical encoding of a point on the curve. */
function isPoint(bytes: Uint8Array): boolean {
  return curve.utils.isValidPublicKey(bytes, false);
}

/**
 * Builds a private key from its seed of 32 bytes, which is copied (RFC 8032 §5.1.5). Throws `key-malformed` if the seed has another length
 * or does not match `publicKey`.
 */
export function ed25519PrivateKey(seed: Uint8Array, publicKey?: Uint8Array): PrivateKey {
  return ed25519PrivateKeyWith(
    { format: ED25519, seed, publicKey },
    (secret) => curve.getPublicKey(secret),
    (fields) => (_algorithm, data) => curve.sign(data, fields.seed),
  );
}

/** Makes Ed25519 keys from their values. */
export const ed25519Maker: KeyMaker<Ed25519Values> = {
  name: ED25519,
  make: ({ seed, publicKey }) => ed25519PrivateKey(seed, publicKey),
};

/** Generates a private key. Takes 32 bytes from `random`. */
export function generateEd25519(random: RandomSource): PrivateKey {
  return ed25519PrivateKey(random(32));
}
