import type { KeyBounds, PrivateKey, PrivateKeyFields, PrivateKeyValues, PublicKey } from "@nacre/keys/internal";
import { SshError, utf8Encode } from "@nacre/wire";
import type { KeyFileLimits } from "./limits.ts";

/** Private key read from a file. */
export interface UnlockedKey {
  readonly privateKey: PrivateKey;
  /** Comment; `""` in PEM files except OpenSSH's. Untrusted text; escape it before showing it. */
  readonly comment: string;
}

/**
 * Format of a private key file. PEM labels: `"openssh"`: "OPENSSH PRIVATE KEY"; `"pkcs8"`: "PRIVATE KEY", "ENCRYPTED PRIVATE KEY";
 * `"pem"`: "RSA PRIVATE KEY", "EC PRIVATE KEY". `"ppk"` is PuTTY's format, which is not PEM.
 */
export type PrivateKeyFormat = "openssh" | "pkcs8" | "pem" | "ppk";

/** Opened private key file: the parts that are readable without a passphrase. */
export type PrivateKeyFile = PlainKeyFile | EncryptedKeyFile;

/** Unencrypted private key file. */
export interface PlainKeyFile extends UnlockedKey {
  readonly encrypted: false;
  readonly format: PrivateKeyFormat;
}

/** Encrypted private key file. */
export interface EncryptedKeyFile {
  readonly encrypted: true;
  readonly format: PrivateKeyFormat;
  /** Public key. Only `"openssh"` and `"ppk"` files store it unencrypted. `decrypt` verifies that the private key matches it. */
  readonly publicKey: PublicKey | undefined;
  /**
   * Decrypts the key. Yields every few milliseconds. May be called again after a wrong passphrase. A text counts as its UTF-8 bytes. Throws
   * `passphrase-needed` for an empty passphrase, `passphrase-wrong`, and for invalid content `file-malformed`, `key-malformed`, `key-weak`
   * or `key-unsupported`.
   */
  decrypt(passphrase: string | Uint8Array): Generator<void, UnlockedKey>;
}

/** Returns the bytes of a passphrase for a private key that is encrypted. Throws `passphrase-needed` if it is empty. */
export function passphraseBytes(passphrase: string | Uint8Array): Uint8Array {
  if (passphrase.length === 0)
    throw new SshError("passphrase-needed", "the private key is encrypted; pass its passphrase");
  return typeof passphrase === "string" ? utf8Encode(passphrase) : passphrase;
}

/** A form of private key files other than PEM: a value, so that a bundle carries only the forms that it names. */
export interface KeyFileForm {
  /** Returns whether a text begins like such a file. */
  begins(this: void, text: string): boolean;
  /** Opens the text of such a file with the key constructor `makeKey`. Throws like `openPrivateKey`. */
  open(this: void, text: string, limits: KeyFileLimits, makeKey: MakeKey): PrivateKeyFile;
}

/** Builds a private key that can sign from the values in a file, after checking them. Throws `key-malformed` or `key-weak`. */
export type MakeKey = (values: PrivateKeyFields | PrivateKeyValues, bounds?: KeyBounds) => PrivateKey;
