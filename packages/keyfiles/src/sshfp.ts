import type { PublicKey } from "@nacre/keys";
import { equalBytes, SshError, toHex } from "@nacre/wire";
import { sha1 } from "@noble/hashes/legacy.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { unsupportedKey } from "./unsupported.ts";

/** Hash of a fingerprint in DNS. */
export type SshfpHash = "sha1" | "sha256";

/** SSHFP record: the fingerprint of a host key in DNS (RFC 4255). */
export interface SshfpRecord {
  /** Host name as written. */
  readonly name: string;
  /** Number of the key's algorithm: 1 RSA, 2 DSA, 3 ECDSA, 4 Ed25519, 6 Ed448. */
  readonly algorithm: number;
  /** Number of the hash: 1 SHA-1, 2 SHA-256. */
  readonly hash: number;
  readonly fingerprint: Uint8Array;
}

/** Hashes with their numbers (RFC 4255 §3.1.2, RFC 6594 §4). */
const HASHES = { sha1: { number: 1, digest: sha1 }, sha256: { number: 2, digest: sha256 } } as const;

/** Returns the number of a key's algorithm (RFC 4255 §3.1.1, RFC 6594 §3, RFC 7479 §3). */
function algorithmOf(format: string): number | undefined {
  if (format === "ssh-rsa") return 1;
  if (format.startsWith("ecdsa-sha2-")) return 3;
  return format === "ssh-ed25519" ? 4 : undefined;
}

/**
 * Returns an SSHFP record as a line of a zone file, without a newline, like `ssh-keygen -r`. With `generic`, the line suits name servers
 * that do not know SSHFP (RFC 3597 §5). Throws `usage` for an invalid name, and `key-unsupported` for a key without a number.
 */
export function formatSshfp(
  name: string,
  { format, blob }: Pick<PublicKey, "format" | "blob">,
  hash: SshfpHash,
  { generic = false }: { readonly generic?: boolean | undefined } = {},
): string {
  if (!/^[^\s"();]+$/.test(name)) throw new SshError("usage", "`name` must be a host name");
  const algorithm = algorithmOf(format);
  if (algorithm === undefined) throw unsupportedKey(format);
  const { number, digest } = HASHES[hash];
  const fingerprint = digest(blob);
  if (!generic) return `${name} IN SSHFP ${algorithm} ${number} ${toHex(fingerprint)}`;
  return `${name} IN TYPE44 \\# ${2 + fingerprint.length} 0${algorithm} 0${number} ${toHex(fingerprint)}`;
}

/**
 * Parses an SSHFP record in a line of a zone file, with or without a TTL and a class (RFC 4255 §3.2). Throws `file-malformed`.
 */
export function parseSshfp(line: string): SshfpRecord {
  const [, name, algorithm, hash, digits = ""] =
    /^(\S+)(?:\s+\d+)?(?:\s+IN)?(?:\s+\d+)?\s+SSHFP\s+(\d{1,3})\s+(\d{1,3})\s+([0-9a-f\s]+?)\s*$/i.exec(line) ?? [];
  const hex = digits.replace(/\s+/g, "");
  if (name === undefined || hex.length % 2 !== 0 || Number(algorithm) > 255 || Number(hash) > 255)
    throw new SshError("file-malformed", "expected `NAME IN SSHFP ALGORITHM HASH FINGERPRINT`");
  const fingerprint = Uint8Array.from(hex.match(/../g)!, (pair) => Number.parseInt(pair, 16));
  const { digest } = Object.values(HASHES).find(({ number }) => number === Number(hash)) ?? {};
  if (digest !== undefined && fingerprint.length !== digest.outputLen)
    throw new SshError(
      "file-malformed",
      `the fingerprint has ${fingerprint.length} bytes, expected ${digest.outputLen}`,
    );
  return { name, algorithm: Number(algorithm), hash: Number(hash), fingerprint };
}

/** Returns whether a record is that of a key. A record of an unknown algorithm or hash is that of no key. */
export function matchesSshfp({ algorithm, hash, fingerprint }: SshfpRecord, { format, blob }: PublicKey): boolean {
  const { digest } = Object.values(HASHES).find(({ number }) => number === hash) ?? {};
  return digest !== undefined && algorithmOf(format) === algorithm && equalBytes(digest(blob), fingerprint);
}
