import { certifiedKeyBlob, defaultBlobFormats, defaultKeyFormats, isCertified } from "@nacre/keys/internal";
import { base64Encode, SshError, utf8DecodeLossy } from "@nacre/wire";
import { sha1 } from "@noble/hashes/legacy.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { wholeBlobOfLine } from "../public-key-line.ts";
import { isKrl, type Krl, parseKrl } from "./read-krl.ts";

/** Key that a list of revoked keys is asked about. */
export interface KeyToCheck {
  /** Public key blob; for a certificate that of the key in it. */
  readonly plainBlob: Uint8Array;
  readonly certificate?: CertificateToCheck | undefined;
}

/** Fields of a certificate that a list of revoked keys checks. */
export interface CertificateToCheck {
  readonly serial: bigint;
  readonly keyId: Uint8Array;
  /** Public key blob of the authority. */
  readonly authority: Uint8Array;
}

/** Parsed list of revoked keys. */
export interface RevokedKeys {
  /** Returns whether a key is revoked: itself, its certificate, or the authority that issued this. */
  isRevoked(key: KeyToCheck): boolean;
}

/**
 * Parses a list of revoked keys (ssh_config(5), RevokedHostKeys; sshd_config(5), RevokedKeys): a key revocation list of `ssh-keygen -k`, or
 * text with a public key in each line. Throws `file-malformed` for a list that is not understood whole. Refuse every key then.
 */
export function parseRevokedKeys(list: Uint8Array): RevokedKeys {
  if (isKrl(list)) {
    const krl = parseKrl(list);
    return { isRevoked: (key) => krlRevokes(krl, key) };
  }
  const blobs = new Set(linesOf(utf8DecodeLossy(list)));
  const revokes = (blob: Uint8Array): boolean => blobs.has(base64Encode(blob));
  return {
    isRevoked: ({ plainBlob, certificate }) =>
      revokes(plainBlob) || /* rule: revoked-authority */ (certificate !== undefined && revokes(certificate.authority)),
  };
}

/** Returns whether a revocation list revokes a key. */
export function krlRevokes(krl: Krl, { plainBlob, certificate }: KeyToCheck): boolean {
  if (listsBlob(krl, plainBlob)) return true;
  if (certificate === undefined) return false;
  const { serial, keyId, authority } = certificate;
  return (
    /* rule: krl-authority */ listsBlob(krl, authority) ||
    [EVERY_AUTHORITY, base64Encode(authority)].some((name) => {
      const revoked = krl.certificates.get(name);
      return revoked !== undefined && (revoked.serials.has(serial) || revoked.keyIds.has(keyId));
    })
  );
}

/** Key of the certificates that are revoked no matter who issued them. */
const EVERY_AUTHORITY = "";

function listsBlob({ keys, sha1: sha1s, sha256: sha256s }: Krl, blob: Uint8Array): boolean {
  return (
    keys.has(blob) ||
    /* rule: krl-sha1 */ (sha1s.size > 0 && sha1s.has(sha1(blob))) ||
    /* rule: krl-sha256 */ (sha256s.size > 0 && sha256s.has(sha256(blob)))
  );
}

/** Yields the blobs of a text with a public key in each line, in base64. */
function* linesOf(text: string): Generator<string> {
  for (const [index, line] of text.split("\n").entries()) {
    const [format = "", base64 = ""] = line.replace(/^[ \t]+|[ \t\r]+$/g, "").split(/[ \t]+/);
    if (format === "" || format.startsWith("#")) continue;
    const blob = wholeBlobOfLine(format, base64);
    // rule: revoked-line
    if (typeof blob === "string") throw new SshError("file-malformed", `line ${index + 1}: the key ${blob}`);
    yield base64Encode(/* rule: revoked-certificate */ plainBlob(format, blob, index + 1));
  }
}

/** Returns the blob of the key in a certificate, which is what a line with a certificate revokes, or the blob of any other key as it is. */
function plainBlob(format: string, blob: Uint8Array, line: number): Uint8Array {
  if (isCertified(format) && !defaultBlobFormats.some(({ name }) => name === format))
    throw new SshError("file-malformed", `line ${line}: certificates of this format are not supported`);
  return certifiedKeyBlob(blob, defaultKeyFormats, format);
}
