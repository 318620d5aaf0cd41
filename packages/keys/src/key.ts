import type { Bytes, RandomSource } from "@nacre/wire";

/**
 * A signature algorithm as both sides name it, for host keys and for logins. One key format may have several:
 * an `ssh-rsa` key signs with `rsa-sha2-256` and `rsa-sha2-512` (RFC 8332 §3).
 */
export interface SignatureAlgorithm {
  /** `"rsa-sha2-512"` */
  readonly name: string;
  /** The format that the key's blob names: `"ssh-rsa"`. */
  readonly keyFormat: string;
  /**
   * Whether `signature`, a signature blob that must name this very algorithm, is the key's over `data`.
   * Throws `key-malformed` or `key-weak` for a blob that is no acceptable key of this format.
   */
  verify(publicKey: Uint8Array, data: Uint8Array, signature: Uint8Array): boolean;
}

/** A public key, parsed and checked. */
export interface PublicKey {
  /** Key format: `"ssh-ed25519"`, `"ssh-rsa"`, `"ecdsa-sha2-nistp256"`. */
  readonly format: string;
  /** As it stands on the wire (RFC 4253 §6.6). */
  readonly blob: Bytes;
  /** Size as people name it: 256, 3072, 521. */
  readonly bits: number;
  /** What it can sign with, preferred first, by the names of `SignatureAlgorithm`s. Never one with SHA-1. */
  readonly algorithms: readonly { readonly name: string }[];
}

/** A private key that is at hand: it signs at once. */
export interface PrivateKey {
  readonly publicKey: PublicKey;
  /**
   * The signature blob over `data` with the algorithm of that name. `random` blinds RSA; it never makes a nonce.
   * Throws `key-unsupported` when the key has no such algorithm.
   */
  sign(algorithm: string, data: Uint8Array, random: RandomSource): Bytes;
  /** The fields that private key files hold, by the key format's own names. For `@nacre/keyfiles`. */
  readonly fields: PrivateKeyFields;
}

/** The private values of a key, by format. Secrets: never logged. */
export type PrivateKeyFields =
  | {
      readonly format: "ssh-ed25519" /** 32 bytes */;
      readonly seed: Uint8Array /** 32 bytes */;
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

/** The same, as far as a file has them: some forms leave out the public half, which the private one implies. */
export type PrivateKeyValues =
  | (Omit<Ed25519Fields, "publicKey"> & { readonly publicKey?: Uint8Array | undefined })
  | (Omit<EcdsaFields, "publicPoint"> & { readonly publicPoint?: Uint8Array | undefined })
  | RsaFields;

export type Ed25519Fields = Extract<PrivateKeyFields, { format: "ssh-ed25519" }>;
export type EcdsaFields = Extract<PrivateKeyFields, { format: "ecdsa" }>;
export type RsaFields = Extract<PrivateKeyFields, { format: "ssh-rsa" }>;
