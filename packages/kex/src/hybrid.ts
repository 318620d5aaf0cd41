import type { HashFunction } from "@nacre/kdf";
import { concatBytes, type RandomSource, SshError, Writer } from "@nacre/wire";
import { X25519_LENGTH } from "./checked.ts";
import type { KexMethod } from "./method.ts";
import { type KeyPair, twoStrings } from "./two-strings.ts";

/** Bytes of ML-KEM-768 (FIPS 203 §8, tables 2 and 3). */
const PUBLIC_KEY_LENGTH = 1184;
const CIPHERTEXT_LENGTH = 1088;

/** ML-KEM-768 (FIPS 203). */
export interface MlKem768 {
  /** A key pair, used once. */
  keyPair(random: RandomSource): {
    /** 1,184 bytes. */
    readonly publicKey: Uint8Array;
    /**
     * The secret in a ciphertext of 1,088 bytes. An invalid ciphertext gives an unpredictable secret, and so a wrong
     * signature (§6.3).
     */
    decapsulate(ciphertext: Uint8Array): Uint8Array;
  };
  /** A secret for the owner of a public key, given as 1,184 bytes. Throws for one that fails the modulus check (§7.2). */
  encapsulate(
    publicKey: Uint8Array,
    random: RandomSource,
  ): { readonly ciphertext: Uint8Array; readonly sharedSecret: Uint8Array };
}

/**
 * mlkem768x25519-sha256 (RFC 10042): secure while either of ML-KEM-768 and X25519 is.
 *
 * The client sends its ML-KEM public key and its X25519 value, 1,216 bytes; the server answers with an ML-KEM ciphertext and its X25519
 * value, 1,120 bytes; and K is SHA-256 of both secrets, a string (§2.4).
 */
export function mlkem768X25519(
  mlKem: MlKem768,
  x25519KeyPair: (random: RandomSource) => KeyPair,
  sha256: HashFunction,
): KexMethod {
  /** K (RFC 10042 §2.4): X25519's secret goes in as it stands, not as an mpint. */
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

/** Splits C_INIT or S_REPLY into its two parts, the first `length` bytes long (RFC 10042 §2.3). */
function split(sender: string, value: Uint8Array, length: number): readonly [Uint8Array, Uint8Array] {
  const expected = length + X25519_LENGTH;
  if (/* rule: hybrid-length */ value.length !== expected) {
    throw new SshError(
      "kex-failed",
      `the ${sender}'s mlkem768x25519 value has ${value.length} bytes instead of ${expected}`,
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
    // The length is right, and so it is the modulus check.
    throw new SshError(
      "kex-failed",
      "the client sent an invalid ML-KEM-768 public key: a coefficient is not below 3329",
    );
  }
}
