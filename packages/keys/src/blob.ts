import { bytesToBigInt, Reader, SshError } from "@nacre/wire";

/** Longest name of an algorithm or key format, in characters (RFC 4251 §6). */
const MAX_NAME_LENGTH = 64;

/** Returns the key format named in a public key blob (RFC 4253 §6.6). Throws `key-malformed`. */
export function keyFormat(blob: Uint8Array): string {
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
  const actual = keyFormat(blob);
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

/** Returns the error for a private key that does not support the signature algorithm. */
export function noSuchAlgorithm(format: string, algorithm: string): SshError {
  return new SshError("key-unsupported", `key of format ${format} cannot sign with ${algorithm}`);
}
