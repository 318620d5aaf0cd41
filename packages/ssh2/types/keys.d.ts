/// <reference types="node" />

export type KeyType =
  | "ssh-ed25519"
  | "ecdsa-sha2-nistp256"
  | "ecdsa-sha2-nistp384"
  | "ecdsa-sha2-nistp521"
  | "ssh-rsa"
  | "ssh-dss";

/** A key that `utils.parseKey` has read. */
export interface ParsedKey {
  type: KeyType;
  /** Comment of the file; may be empty. */
  comment: string;
  isPrivateKey(): boolean;
  /** Returns PEM text of the private key. */
  getPrivatePEM(): string;
  /** Returns PEM text of the public key. */
  getPublicPEM(): string;
  /** Returns the public key as it is sent. */
  getPublicSSH(): Buffer;
  /** Signs with the private key. `algo` is a hash, such as "sha512". */
  sign(data: Buffer | string, algo?: string): Buffer;
  verify(data: Buffer | string, signature: Buffer, algo?: string): boolean;
  /** Returns whether both the public and the private values are equal. */
  equals(key: Buffer | string | ParsedKey): boolean;
}

/** A private key with the passphrase of its file. */
export interface EncryptedPrivateKey {
  key: ParsedKey | Buffer | string;
  passphrase?: Buffer | string;
}

export type PrivateKeys = Array<Buffer | ParsedKey | EncryptedPrivateKey | string>;

/** A public key in the form in which a client offers it. */
export interface PublicKey {
  algo: string;
  data: Buffer;
}

/** A public key of an agent, alone or with a comment. */
export interface PublicKeyEntry {
  pubKey: ParsedKey | { pubKey: ParsedKey | Buffer | string; comment?: string };
}

export type KnownPublicKeys<T extends string | Buffer | ParsedKey = string | Buffer | ParsedKey> = Array<
  T | PublicKeyEntry
>;
