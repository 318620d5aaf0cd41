import { Reader, SshError } from "@nacre/wire";

/** RFC 4251 §6. */
const MAX_NAME_LENGTH = 64;

/** The key format that a public key's blob names (RFC 4253 §6.6). Throws `key-malformed`. */
export function keyFormat(blob: Uint8Array): string {
  const format = new Reader(blob, "public key", { code: "key-malformed" }).name("format");
  if (format.length > MAX_NAME_LENGTH)
    throw new SshError("key-malformed", `public key: its format name has ${format.length} characters, 64 are allowed`);
  return format;
}

/** A reader past the format's name, for a blob that must be of that format. What it refuses is `key-malformed`. */
export function keyReader(blob: Uint8Array, format: string): Reader {
  const actual = keyFormat(blob);
  if (actual !== format) throw new SshError("key-malformed", `a key of format ${actual} stands where ${format} should`);
  return new Reader(blob, `${format} key`, { code: "key-malformed", offset: 4 + format.length });
}

/** The error for a private key that is asked for an algorithm it does not have. */
export function noSuchAlgorithm(format: string, algorithm: string): SshError {
  return new SshError("key-unsupported", `a key of format ${format} cannot sign with ${algorithm}`);
}
