import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import {
  certifiedKeyBlob,
  defaultKeyFormats,
  type PrivateKey,
  type PublicKey,
  privateJwk,
  publicJwk,
} from "@nacre/keys/internal";
import { base64url } from "@nacre/node/extend";
import { type KeyContent, readKey } from "./read-key.ts";

/** Hash that a key signs with unless the caller names another, as in ssh2. Ed25519 has none. */
const DEFAULT_HASH: Readonly<Record<string, string>> = {
  "ssh-rsa": "sha1",
  "ecdsa-sha2-nistp256": "sha256",
  "ecdsa-sha2-nistp384": "sha384",
  "ecdsa-sha2-nistp521": "sha512",
};

/** A key that `parseKey` returned. */
export class ParsedKey {
  /** Name of the key's format, such as `"ssh-ed25519"`. */
  readonly type: string;
  /** Comment in the file; `""` if it has none. Untrusted: escape it before display. */
  comment: string;
  readonly #publicKey: PublicKey;
  readonly #privateKey: PrivateKey | undefined;
  /** Made when they are first used. */
  #publicObject: KeyObject | undefined;
  #privateObject: KeyObject | undefined;
  #publicBlob: Buffer | undefined;

  constructor({ publicKey, privateKey, comment }: KeyContent) {
    this.type = publicKey.format;
    this.comment = comment;
    this.#publicKey = publicKey;
    this.#privateKey = privateKey;
  }

  /** Returns Nacre's keys of a value that `parseKey` returned, and `undefined` for another. */
  static contentOf(value: unknown): KeyContent | undefined {
    if (typeof value !== "object" || value === null || !(#publicKey in value)) return undefined;
    return { publicKey: value.#publicKey, privateKey: value.#privateKey, comment: value.comment };
  }

  /** Returns whether the file had a private key. */
  isPrivateKey(): boolean {
    return this.#privateKey !== undefined;
  }

  /** Returns the private key in PEM, without encryption and without a final newline; `null` for a public key. */
  getPrivatePEM(): string | null {
    if (this.#privateKey === undefined) return null;
    const type = PEM_TYPES[this.type] ?? "sec1";
    return this.#privateKeyObject(this.#privateKey).export({ type, format: "pem" }).toString().trimEnd();
  }

  /** Returns the public key in PEM (SubjectPublicKeyInfo, RFC 5280 §4.1), without a final newline. */
  getPublicPEM(): string {
    return this.#publicKeyObject().export({ type: "spki", format: "pem" }).toString().trimEnd();
  }

  /** Returns the public key blob (RFC 4253 §6.6). Every call returns the same Buffer, as in ssh2. */
  getPublicSSH(): Buffer {
    this.#publicBlob ??= Buffer.from(this.#publicKey.blob);
    return this.#publicBlob;
  }

  /**
   * Returns a signature as `sign` of `node:crypto` makes it: that of an ECDSA key is in DER. `hash` is a name such as `"sha256"`. Returns
   * an error, rather than throwing it, for a public key and an invalid argument.
   */
  sign(data: Buffer | string, hash?: string): Buffer | Error {
    if (this.#privateKey === undefined) return new Error("No private key available");
    try {
      return sign(this.#hash(hash), data as Buffer, this.#privateKeyObject(this.#privateKey));
    } catch (error) {
      return error as Error;
    }
  }

  /** Returns whether a signature like those of {@link sign} is valid. Returns an error for an invalid argument. */
  verify(data: Buffer | string, signature: Buffer, hash?: string): boolean | Error {
    try {
      return verify(this.#hash(hash), data as Buffer, this.#publicKeyObject(), signature);
    } catch (error) {
      return error as Error;
    }
  }

  /** Returns whether another key, parsed or not, has the same private and public values. */
  equals(key: unknown): boolean {
    const other = key instanceof ParsedKey ? key : readKey(key);
    if (other instanceof Error) return false;
    const parsed = other instanceof ParsedKey ? other : new ParsedKey(other);
    return this.getPublicSSH().equals(parsed.getPublicSSH()) && this.getPrivatePEM() === parsed.getPrivatePEM();
  }

  #hash(given: unknown): string | null {
    if (typeof given === "string" && given !== "") return given;
    return DEFAULT_HASH[this.type.replace(/-cert-v01@openssh\.com$/, "")] ?? null;
  }

  #privateKeyObject({ fields }: PrivateKey): KeyObject {
    this.#privateObject ??= createPrivateKey({ key: privateJwk(fields, base64url), format: "jwk" });
    return this.#privateObject;
  }

  #publicKeyObject(): KeyObject {
    const plain = certifiedKeyBlob(this.#publicKey.blob, defaultKeyFormats);
    this.#publicObject ??= createPublicKey({ key: publicJwk(plain, base64url), format: "jwk" });
    return this.#publicObject;
  }
}

/** Kinds of PEM that ssh2 writes. Those of ECDSA keys are SEC1 (RFC 5915). */
const PEM_TYPES: Readonly<Record<string, "pkcs1" | "pkcs8">> = { "ssh-rsa": "pkcs1", "ssh-ed25519": "pkcs8" };
