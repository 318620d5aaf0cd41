import type { PrivateKey, PrivateKeyValues, PublicKey } from "@nacre/keys/internal";

/** A private key out of its file. */
export interface UnlockedKey {
  readonly privateKey: PrivateKey;
  /** `""` where the format has none: only OpenSSH's own has. Written by anybody: escape it before showing it. */
  readonly comment: string;
}

/** `"openssh"`: "OPENSSH PRIVATE KEY"; `"pkcs8"`: "PRIVATE KEY" and "ENCRYPTED PRIVATE KEY"; `"pem"`: "RSA PRIVATE KEY" and "EC PRIVATE KEY". */
export type PrivateKeyFormat = "openssh" | "pkcs8" | "pem";

/** The part of a private key file that is readable without a passphrase. */
export type PrivateKeyFile = PlainKeyFile | EncryptedKeyFile;

/** A file whose key is at hand. */
export interface PlainKeyFile extends UnlockedKey {
  readonly encrypted: false;
  readonly format: PrivateKeyFormat;
}

/** A file whose key takes a passphrase. */
export interface EncryptedKeyFile {
  readonly encrypted: true;
  readonly format: PrivateKeyFormat;
  /** Only `"openssh"` files have it in the clear. The private key, when it is decrypted, is that of this one. */
  readonly publicKey: PublicKey | undefined;
  /**
   * Decrypts, in steps of a few milliseconds. May be called again after a wrong passphrase. Throws `passphrase-needed` for an
   * empty passphrase, `passphrase-wrong`, and for a damaged inside `file-malformed`, `key-malformed`, `key-weak` or `key-unsupported`.
   */
  decrypt(passphrase: string): Generator<void, UnlockedKey>;
}

/** Makes the key of what a file holds: checks it, and gives it the arithmetic to sign with. Throws `key-malformed` or `key-weak`. */
export type KeyMaker = (values: PrivateKeyValues) => PrivateKey;
