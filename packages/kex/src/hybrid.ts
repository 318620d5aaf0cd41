import type { HashFunction } from "@nacre/kdf";
import { concatBytes, type RandomSource, SshError, Writer } from "@nacre/wire";
import { X25519_LENGTH } from "./checked.ts";
import type { KexMethod } from "./method.ts";
import { type KeyPair, twoStrings } from "./two-strings.ts";

/** Length of an ML-KEM-768 public key in bytes (FIPS 203 §8, table 3). */
const PUBLIC_KEY_LENGTH = 1184;
/** Length of an ML-KEM-768 ciphertext in bytes (FIPS 203 §8, table 3). */
const CIPHERTEXT_LENGTH = 1088;

/** An implementation of ML-KEM-768 (FIPS 203). */
export interface MlKem768 {
  /** Generates a key pair for a single use. */
  keyPair(random: RandomSource): {
    /** Public key of 1184 bytes. */
    readonly publicKey: Uint8Array;
    /**
     * Returns the secret from a ciphertext of 1088 bytes. An invalid ciphertext results in an unpredictable secret, and so in an invalid
     * host key signature (§6.3).
     */
    decapsulate(ciphertext: Uint8Array): Uint8Array;
  };
  /** Creates a secret and its ciphertext for a public key of 1184 bytes. Throws if the key fails the modulus check (§7.2). */
  encapsulate(
    publicKey: Uint8Array,
    random: RandomSource,
  ): { readonly ciphertext: Uint8Array; readonly sharedSecret: Uint8Array };
}

/**
 * Creates mlkem768x25519-sha256 (RFC 10042), which is secure as long as ML-KEM-768 or X25519 is secure.
 *
 * The client sends an ML-KEM public key and an X25519 public key, 1216 bytes. The server replies with an ML-KEM ciphertext and an X25519
 * public key, 1120 bytes. K is the SHA-256 hash of both secrets, encoded as a string (§2.4).
 */
export function mlkem768X25519(
  mlKem: MlKem768,
  x25519KeyPair: (random: RandomSource) => KeyPair,
  sha256: HashFunction,
): KexMethod {
  /** Returns K. The hash input is the raw X25519 secret, not an mpint (RFC 10042 §2.4). */
  const combine = (postQuantum: Uint8Array, classical: Uint8Array): Uint8Array =>
    new Writer().string(sha256(concatBytes(postQuantum, classical))).finish();
  return twoStrings("mlkem768x25519-sha256", sha256, {
    client(random) {
      const postQuantum = mlKem.keyPair(random);
      const classical = x25519KeyPair(random);
      return {
        value: concatBytes(postQuantum.publicKey, classical.publicKey),
        sharedSecret(serverValue) {
          const [ciphertext, serverPublicKey] = split("server", serverValue, CIPHERTEXT_LENGTH);
          // rule: implicit-rejection
          return combine(postQuantum.decapsulate(ciphertext), classical.agree(serverPublicKey));
        },
      };
    },
    server(random, clientValue) {
      const [publicKey, clientPublicKey] = split("client", clientValue, PUBLIC_KEY_LENGTH);
      const { ciphertext, sharedSecret } = encapsulate(mlKem, publicKey, random);
      const classical = x25519KeyPair(random);
      return {
        value: concatBytes(ciphertext, classical.publicKey),
        sharedSecret: combine(sharedSecret, classical.agree(clientPublicKey)),
      };
    },
  });
}

/** Splits C_INIT or S_REPLY into an ML-KEM part of `length` bytes and an X25519 public key (RFC 10042 §2.3). */
function split(sender: string, value: Uint8Array, length: number): readonly [Uint8Array, Uint8Array] {
  const expected = length + X25519_LENGTH;
  if (/* rule: hybrid-length */ value.length !== expected) {
    throw new SshError(
      "kex-failed",
      `the ${sender}'s mlkem768x25519 value has ${value.length} bytes, expected ${expected}`,
    );
  }
  return [value.subarray(0, length), value.subarray(length)];
}

function encapsulate(
  mlKem: MlKem768,
  publicKey: Uint8Array,
  random: RandomSource,
): ReturnType<MlKem768["encapsulate"]> {
  try {
    // rule: ml-kem-modulus
    return mlKem.encapsulate(publicKey, random);
  } catch {
    // The length is correct, so the modulus check failed.
    throw new SshError(
      "kex-failed",
      "the client sent an invalid ML-KEM-768 public key: a coefficient is not below 3329",
    );
  }
}
