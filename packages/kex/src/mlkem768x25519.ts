import { concatBytes, type RandomSource, SshError, Writer } from "@nacre/wire";
import { sha256 } from "@noble/hashes/sha2.js";
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import type { KexMethod } from "./method.ts";
import { type TwoStrings, twoStrings } from "./two-strings.ts";
import { X25519_LENGTH, x25519KeyPair } from "./x25519.ts";

/** Bytes of ML-KEM-768 (FIPS 203 §8, tables 2 and 3). */
const PUBLIC_KEY_LENGTH = 1184;
const CIPHERTEXT_LENGTH = 1088;
const SEED_LENGTH = 64;
const MESSAGE_LENGTH = 32;

/**
 * mlkem768x25519-sha256 (RFC 10042): secure while either of ML-KEM-768 and X25519 is.
 *
 * The client sends its ML-KEM public key and its X25519 value, 1,216 bytes; the server answers with an ML-KEM ciphertext and its X25519
 * value, 1,120 bytes; and K is SHA-256 of both secrets, a string (§2.4).
 */
export const mlkem768X25519Sha256: KexMethod = /* @__PURE__ */ twoStrings(
  "mlkem768x25519-sha256",
  (message) => sha256(message),
  /* @__PURE__ */ hybrid(),
);

function hybrid(): TwoStrings {
  return {
    client(random) {
      const { publicKey, secretKey } = ml_kem768.keygen(random(SEED_LENGTH));
      const classical = x25519KeyPair(random);
      return {
        value: concatBytes(publicKey, classical.publicKey),
        sharedSecret(serverValue) {
          const [ciphertext, serverPublicKey] = split("server", serverValue, CIPHERTEXT_LENGTH);
          // What is no ciphertext for this key gives a secret that nobody knows, and so a wrong signature (FIPS 203 §6.3).
          return combine(ml_kem768.decapsulate(ciphertext, secretKey), classical.agree(serverPublicKey));
        },
      };
    },
    server(random, clientValue) {
      const [publicKey, clientPublicKey] = split("client", clientValue, PUBLIC_KEY_LENGTH);
      const { cipherText, sharedSecret } = encapsulate(publicKey, random);
      const classical = x25519KeyPair(random);
      return {
        value: concatBytes(cipherText, classical.publicKey),
        sharedSecret: combine(sharedSecret, classical.agree(clientPublicKey)),
      };
    },
  };
}

/** Both parts of C_INIT or S_REPLY, of which the first has `length` bytes (RFC 10042 §2.3). */
function split(sender: string, value: Uint8Array, length: number): readonly [Uint8Array, Uint8Array] {
  const expected = length + X25519_LENGTH;
  if (value.length !== expected) {
    throw new SshError(
      "kex-failed",
      `the ${sender}'s mlkem768x25519 value has ${value.length} bytes instead of ${expected}`,
    );
  }
  return [value.subarray(0, length), value.subarray(length)];
}

function encapsulate(publicKey: Uint8Array, random: RandomSource): ReturnType<typeof ml_kem768.encapsulate> {
  const message = random(MESSAGE_LENGTH);
  try {
    return ml_kem768.encapsulate(publicKey, message);
  } catch {
    // The lengths are right, and so it is the modulus check (FIPS 203 §7.2).
    throw new SshError(
      "kex-failed",
      "the client's ML-KEM-768 public key is none: a coefficient in it is not below 3329",
    );
  }
}

/** K (RFC 10042 §2.4): X25519's secret goes in as it stands, not as an mpint. */
function combine(postQuantum: Uint8Array, classical: Uint8Array): Uint8Array {
  return new Writer().string(sha256(concatBytes(postQuantum, classical))).finish();
}
