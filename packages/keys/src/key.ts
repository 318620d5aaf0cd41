import type { Bytes, LimitRange, RandomSource } from "@nacre/wire";
import type { Certificate } from "./certificate.ts";

/** The names of a signature algorithm. They differ for certificates. */
export interface SignatureNames {
  /** Name that peers negotiate and request, such as `"rsa-sha2-512"` or `"rsa-sha2-512-cert-v01@openssh.com"`. */
  readonly name: string;
  /** Name inside a signature, and in server-sig-algs (RFC 8308 §3.1), such as `"rsa-sha2-512"`. */
  readonly signatureName: string;
}

/**
 * Signature algorithm for host keys and for public key authentication. One key format may have several: an `ssh-rsa` key signs with
 * `rsa-sha2-256` and `rsa-sha2-512` (RFC 8332 §3).
 */
export interface SignatureAlgorithm extends SignatureNames {
  /** Format named in the key blob, such as `"ssh-rsa"`. */
  readonly keyFormat: string;
  /**
   * Returns the facts of a signature blob over `data`, or `undefined` if it is not valid. The blob must have this algorithm's
   * `signatureName`. Throws `key-malformed` or `key-weak` if `publicKey` is not an acceptable key of this format.
   */
  verify(publicKey: Uint8Array, data: Uint8Array, signature: Uint8Array): SignatureFacts | undefined;
  /**
   * Parses what takes the place of the key, if that is a certificate, and verifies its authority's signature, as `verify` does. Throws
   * `key-malformed`, `key-unsupported` or `key-weak`. Algorithms of plain keys have none.
   */
  readonly certificate?: (publicKey: Uint8Array) => Certificate;
  /**
   * Returns the algorithm with another bound for RSA keys: at least `bits` bits, within `RSA_BITS`. In a certificate, the bound counts
   * for its key and its authority, and is never below 2,048. Algorithms without RSA keys have none.
   */
  readonly withMinRsaBits?: (bits: number) => SignatureAlgorithm;
}

/** Facts that a valid signature proves beside the key. Most are those of security keys (OpenSSH PROTOCOL.u2f). */
export interface SignatureFacts {
  /** Flags of a security key: bit 0, the user was there (UP); bit 2, the user was verified (UV). */
  readonly flags?: number;
  /** Number of signatures that the security key has made, as it says. */
  readonly counter?: number;
  /** Origin of the page that asked for the signature, such as `"https://example.org"`. */
  readonly origin?: string;
  /** The certificate, if the key was in one. Its authority's signature is verified, if `isVerified` says so, and nothing else. */
  readonly certificate?: Certificate;
}

/** The facts of a signature that proves only the key. */
export const VALID: SignatureFacts = {};

/**
 * Least size of an RSA key's modulus in bits: the default, and the range of other bounds. OpenSSH accepts 1,024 to 16,384 by default, and
 * no fewer (ssh_config(5), RequiredRSASize).
 */
export const RSA_BITS: LimitRange = { default: 2048, least: 1024, most: 16_384, unit: "bits" };

/** Bounds of keys that a caller may change. */
export interface KeyBounds {
  /** Least size of an RSA key in bits; default 2,048. A bound below 1,024 counts as 1,024. */
  readonly minRsaBits?: number | undefined;
}

/** Public key, parsed and checked. */
export interface PublicKey {
  /** Key format, such as `"ssh-ed25519"`, `"ssh-rsa"` or `"ecdsa-sha2-nistp256"`. */
  readonly format: string;
  /** Public key blob (RFC 4253 §6.6). */
  readonly blob: Bytes;
  /** Key size in bits as `ssh-keygen -l` prints it, such as 256, 521 or 3072. */
  readonly bits: number;
  /** Algorithms that the key can sign with, preferred first. Never one with SHA-1. */
  readonly algorithms: readonly SignatureNames[];
  /** The key that it certifies, if it is a certificate that `certificateKey` returned. */
  readonly certifies?: PublicKey;
}

/** Private key in memory. Signs synchronously. */
export interface PrivateKey {
  readonly publicKey: PublicKey;
  /**
   * Returns a signature blob over `data`, made with the algorithm of this `name`. Uses `random` for RSA blinding only, never for nonces.
   * Throws `key-unsupported` if the key does not support the algorithm.
   */
  sign(algorithm: string, data: Uint8Array, random: RandomSource): Bytes;
  /** Values stored in private key files. For `@nacre/keyfiles`. */
  readonly fields: PrivateKeyFields;
}

/**
 * Private values of a key. Each format has its own, such as `Ed25519Fields`, under the names of its specification. Secret: never log them.
 */
export interface PrivateKeyFields {
  /** Name of the key format, such as `"ssh-ed25519"`. */
  readonly format: string;
}

/** Builds private keys of one format, which can sign, from their values. */
export interface KeyMaker<Values extends PrivateKeyFields = PrivateKeyFields> {
  /** Name of the key format. */
  readonly name: string;
  /** Computes public values that are missing. Throws `key-malformed` if public and private values do not match, or `key-weak`. */
  make(values: Values, bounds?: KeyBounds): PrivateKey;
}
