import type { Bytes, RandomSource } from "@nacre/wire";

/**
 * Signature algorithm for host keys and for public key authentication. One key format may have several: an `ssh-rsa` key signs with
 * `rsa-sha2-256` and `rsa-sha2-512` (RFC 8332 §3).
 */
export interface SignatureAlgorithm {
  /** Algorithm name, such as `"rsa-sha2-512"`. */
  readonly name: string;
  /** Format named in the key blob, such as `"ssh-rsa"`. */
  readonly keyFormat: string;
  /**
   * Returns whether `signature` is a valid signature blob over `data`; it must name this algorithm.
   * Throws `key-malformed` or `key-weak` if `publicKey` is not an acceptable key of this format.
   */
  verify(publicKey: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean;
}

/** Public key, parsed and checked. */
export interface PublicKey {
  /** Key format, such as `"ssh-ed25519"`, `"ssh-rsa"` or `"ecdsa-sha2-nistp256"`. */
  readonly format: string;
  /** Public key blob (RFC 4253 §6.6). */
  readonly blob: Bytes;
  /** Key size in bits as `ssh-keygen -l` prints it, such as 256, 521 or 3072. */
  readonly bits: number;
  /** Algorithms that the key can sign with, by `SignatureAlgorithm` name, preferred first. Never one with SHA-1. */
  readonly algorithms: readonly { readonly name: string }[];
}

/** Private key in memory. Signs synchronously. */
export interface PrivateKey {
  readonly publicKey: PublicKey;
  /**
   * Returns a signature blob over `data`, made with the named algorithm. Uses `random` for RSA blinding only, never for nonces.
   * Throws `key-unsupported` if the key does not support the algorithm.
   */
  sign(algorithm: string, data: Uint8Array, random: RandomSource): Bytes;
  /** Values stored in private key files, under the names that the key format uses. For `@nacre/keyfiles`. */
  readonly fields: PrivateKeyFields;
}

/** Private values of a key, by format. Secret: never log them. */
export type PrivateKeyFields =
  | {
      readonly format: "ssh-ed25519";
      /** 32 bytes. */
      readonly seed: Uint8Array;
      /** 32 bytes. */
      readonly publicKey: Uint8Array;
    }
  | {
      readonly format: "ecdsa";
      readonly curve: "nistp256" | "nistp384" | "nistp521";
      readonly d: bigint;
      /** Uncompressed point. */
      readonly publicPoint: Uint8Array;
    }
  | {
      readonly format: "ssh-rsa";
      readonly n: bigint;
      readonly e: bigint;
      readonly d: bigint;
      readonly p: bigint;
      readonly q: bigint;
      /** q⁻¹ mod p */
      readonly iqmp: bigint;
    };

/** Private values as read from a file. Some file formats omit the public value, which can be computed from the private one. */
export type PrivateKeyValues =
  | (Omit<Ed25519Fields, "publicKey"> & { readonly publicKey?: Uint8Array | undefined })
  | (Omit<EcdsaFields, "publicPoint"> & { readonly publicPoint?: Uint8Array | undefined })
  | RsaFields;

export type Ed25519Fields = Extract<PrivateKeyFields, { format: "ssh-ed25519" }>;
export type EcdsaFields = Extract<PrivateKeyFields, { format: "ecdsa" }>;
export type RsaFields = Extract<PrivateKeyFields, { format: "ssh-rsa" }>;
