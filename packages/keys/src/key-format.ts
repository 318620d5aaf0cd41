import { bytesToBigInt, copyBytes, Reader, SshError, type Writer } from "@nacre/wire";
import type { KeyBounds, PrivateKeyFields, PublicKey, SignatureNames } from "./key.ts";

/**
 * A format of keys: what its blobs and its private values look like (RFC 4253 §6.6). It has no arithmetic; that is in the
 * `SignatureAlgorithm`s and the `KeyMaker` of the format.
 */
export interface KeyFormat<Fields extends PrivateKeyFields = PrivateKeyFields> {
  /** Name in a key blob, such as `"ssh-ed25519"`. */
  readonly name: string;
  /** Name in listings, as `ssh-keygen -l` prints it, such as `"ED25519"`. */
  readonly label: string;
  /** Number in SSHFP records (RFC 4255 §3.1.1, RFC 6594, RFC 7479). `undefined`: the format has none. */
  readonly sshfp: number | undefined;
  /** Algorithms that such keys sign with, preferred first. Never one with SHA-1. */
  readonly algorithms: readonly SignatureNames[];
  /** The fields of a blob after the name. Each is a `string` or `mpint`; the number is its length in bytes, if all keys have the same. */
  readonly publicFields: readonly (number | undefined)[];
  /** Checks a blob, and returns the size of the key in bits. Throws `key-malformed` or `key-weak`. Certificates take no other bounds. */
  check(blob: Uint8Array, bounds?: KeyBounds): number;
  /** How OpenSSH's key files and agents write a private key. `undefined`: it never leaves its token. */
  readonly secret: SecretForm<Fields> | undefined;
}

/** The values of a private key after its format's name (OpenSSH PROTOCOL.key, RFC 9987 §3.2). */
export interface SecretForm<Fields extends PrivateKeyFields> {
  /**
   * Reads the values. Byte strings are views. `certificate` is positioned at the public fields of the certificate that goes with the key:
   * then some formats have their public values only there. Throws as the readers do. Does not check whether the values match.
   */
  read(reader: Reader, certificate?: Reader): Fields;
  /** Writes the values; with a certificate, without those that it has. */
  write(writer: Writer, fields: Fields, hasCertificate: boolean): void;
}

/** Longest name of an algorithm or key format, in characters (RFC 4251 §6). */
const MAX_NAME_LENGTH = 64;

/** Returns the key format named in a public key blob (RFC 4253 §6.6). Throws `key-malformed`. */
export function formatName(blob: Uint8Array): string {
  const format = new Reader(blob, "public key", { code: "key-malformed" }).name("format");
  if (format.length > MAX_NAME_LENGTH)
    throw new SshError(
      "key-malformed",
      `public key: format name has ${format.length} characters, but the maximum is 64`,
    );
  return format;
}

/** Returns a reader positioned after the format name. Throws `key-malformed` for another format; so does the reader for a bad field. */
export function keyReader(blob: Uint8Array, format: string): Reader {
  const actual = formatName(blob);
  if (actual !== format) throw new SshError("key-malformed", `expected a key of format ${format}, got ${actual}`);
  return new Reader(blob, `${format} key`, { code: "key-malformed", offset: 4 + format.length });
}

/**
 * Reads an integer of a private key: an `mpint` that may have needless leading zeros. Some programs write secret integers at a fixed
 * length, and OpenSSH reads them. Throws the reader's error for a negative one.
 */
export function readKeyInteger(reader: Reader, field: string): bigint {
  const bytes = reader.string(field);
  if (bytes[0] !== undefined && bytes[0] >= 0x80) reader.fail(field, "is negative");
  return bytesToBigInt(bytes);
}

/** Returns the format of a name. Throws `key-unsupported` if the list has none; `of` follows "unsupported key format" there. */
export function findKeyFormat<One extends { readonly name: string }>(
  formats: readonly One[],
  name: string,
  of = "",
): One {
  const found = formats.find((one) => one.name === name);
  if (found === undefined) throw new SshError("key-unsupported", `unsupported key format ${name.slice(0, 64)}${of}`);
  return found;
}

/**
 * Parses a public key blob of one of the formats and copies it (RFC 4253 §6.6). A bundle carries only the formats that it names. Throws
 * `key-unsupported` for another format, and like `check` of the format.
 */
export function readPublicKey(blob: Uint8Array, formats: readonly KeyFormat[], bounds?: KeyBounds): PublicKey {
  const format = findKeyFormat(formats, formatName(blob));
  return publicKeyOf(format, copyBytes(blob), format.check(blob, bounds));
}

/** Returns a public key whose blob is already checked. */
export function publicKeyOf(
  { name, algorithms }: Pick<KeyFormat, "name" | "algorithms">,
  blob: PublicKey["blob"],
  bits: number,
): PublicKey {
  return { format: name, blob, bits, algorithms };
}
