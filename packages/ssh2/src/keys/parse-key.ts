import type { PrivateKey, PublicKey } from "@nacre/keys/internal";
import { ParsedKey } from "./parsed-key.ts";
import { readBlob, readKey } from "./read-key.ts";

export { ParsedKey } from "./parsed-key.ts";

/**
 * Parses a private or public key: OpenSSH's formats, PEM (PKCS#1, SEC1, PKCS#8), PuTTY's PPK 2 and 3, RFC 4716, and as a Buffer also a
 * public key blob. `passphrase` is for an encrypted private key. A parsed key is returned as it is. Returns an error, rather than throwing
 * it, for an invalid key, in ssh2's words. A key of RSA needs `NACRE_SSH2_MIN_RSA` bits, 1,024 by default, and a private one below 2,048
 * is warned about. Deriving the key of an encrypted file blocks for up to seconds.
 */
export function parseKey(
  data: string | Buffer | ParsedKey,
  passphrase?: string | Buffer,
): ParsedKey | ParsedKey[] | Error {
  return parseOneKey(data, passphrase);
}

/** Parses a key like {@link parseKey}. Each file has one. */
export function parseOneKey(data: unknown, passphrase?: unknown): ParsedKey | Error {
  if (isParsedKey(data)) return data;
  const content = readKey(data, passphrase);
  return content instanceof Error ? content : new ParsedKey(content);
}

/** Parses a public key blob (RFC 4253 §6.6), such as those of an agent. */
export function parseBlobKey(blob: Uint8Array): ParsedKey | Error {
  const content = readBlob(blob);
  return content instanceof Error ? content : new ParsedKey(content);
}

/** Returns whether a value is a key that `parseKey` returned. */
export function isParsedKey(value: unknown): value is ParsedKey {
  return ParsedKey.contentOf(value) !== undefined;
}

/** Returns Nacre's private key of a parsed one; `undefined` if it is a public key. */
export function privateKeyOf(key: ParsedKey): PrivateKey | undefined {
  return ParsedKey.contentOf(key)?.privateKey;
}

/** Returns Nacre's public key of a parsed one. Throws for another value. */
export function publicKeyOf(key: ParsedKey): PublicKey {
  const content = ParsedKey.contentOf(key);
  if (content === undefined) throw new Error("Invalid key");
  return content.publicKey;
}
