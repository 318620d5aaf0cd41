import { parsePublicKeyFile } from "@nacre/keyfiles/internal";
import { type Certificate, defaultKeyFormats, isCertified, readCertificate } from "@nacre/keys/internal";
import { cutText, escapeText, utf8DecodeLossy } from "@nacre/wire";
import { fingerprint } from "../crypto/fingerprint.ts";

/**
 * Parses a certificate of a user's. Its authority's signature is not verified: servers do that, and here it decides nothing. Throws
 * `key-unsupported`, `key-malformed` or `key-weak`.
 */
export function ownCertificate(blob: Uint8Array): Certificate {
  return readCertificate(blob, defaultKeyFormats, []);
}

/** Returns the certificate in a public key file; `undefined` for any other key or text. Throws as {@link ownCertificate}. */
export function certificateInFile(bytes: Uint8Array): Certificate | undefined {
  let blob: Uint8Array;
  try {
    const { publicKey } = parsePublicKeyFile(utf8DecodeLossy(bytes));
    if (!isCertified(publicKey.format)) return undefined;
    blob = publicKey.blob;
  } catch {
    return undefined;
  }
  return ownCertificate(blob);
}

/**
 * Returns whether a certificate is worth presenting: one for a host is not. Warns of one that no server will accept. As in ssh(1), that
 * one is presented nevertheless, since the server's clock decides.
 */
export function isPresentable(certificate: Certificate, warn: (text: string) => void): boolean {
  const { type, principals, validAfter, validBefore } = certificate;
  const seconds = BigInt(Math.floor(Date.now() / 1000));
  const problem =
    type !== "user"
      ? "is for a host, not for a user"
      : principals.length === 0
        ? "names no user"
        : seconds < validAfter
          ? "is not valid yet"
          : seconds >= validBefore
            ? "has expired"
            : undefined;
  if (problem !== undefined) warn(`${certificateText(certificate)} ${problem}`);
  // rule: own-host-certificate
  return type === "user";
}

/** Describes a certificate on one line, escaped. Its texts are cut, since a client may have sent it. */
export function certificateText(certificate: Certificate): string {
  const { publicKey, keyId, serial, authority, principals, validAfter, validBefore } = certificate;
  const names = principals.length === 0 ? "no user" : principals.join(",");
  return (
    `the certificate "${shown(keyId)}" of ${fingerprint(publicKey.blob)} (serial ${serial}, ` +
    `signed by ${fingerprint(authority.blob)}, for ${shown(names)}, valid from ${timeOf(validAfter)} to ${timeOf(validBefore)})`
  );
}

function shown(text: string): string {
  return escapeText(cutText(text, 200));
}

/** Last second that `Date` has. */
const LAST = 8_640_000_000_000n;

function timeOf(seconds: bigint): string {
  if (seconds === 0n) return "the beginning";
  return seconds > LAST ? "forever" : new Date(Number(seconds) * 1000).toISOString().replace(/\.\d+Z$/, "Z");
}
