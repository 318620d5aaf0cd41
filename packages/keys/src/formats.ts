import { type Certificate, certifiedAlgorithm, readCertificate } from "./certificate.ts";
import {
  ecdsaNistp256,
  ecdsaNistp256Maker,
  ecdsaNistp384,
  ecdsaNistp384Maker,
  ecdsaNistp521,
  ecdsaNistp521Maker,
} from "./ecdsa.ts";
import type { EcdsaValues } from "./ecdsa-format.ts";
import { ed25519, ed25519Maker } from "./ed25519.ts";
import type { Ed25519Values } from "./ed25519-format.ts";
import type { KeyBounds, KeyMaker, PrivateKey, PrivateKeyFields, SignatureAlgorithm } from "./key.ts";
import { findKeyFormat } from "./key-format.ts";
import { defaultKeyFormats } from "./public-formats.ts";
import { rsaMaker, rsaSha2_256, rsaSha2_512 } from "./rsa.ts";
import type { RsaFields } from "./rsa-format.ts";
import { skEcdsaNistp256, skEd25519, webauthnSkEcdsaNistp256 } from "./sk.ts";

/** Signature algorithms of hosts' plain keys, in OpenSSH's order of preference: all in this package but that of passkeys. */
export const defaultHostKeyAlgorithms: readonly SignatureAlgorithm[] = [
  ed25519,
  ecdsaNistp256,
  ecdsaNistp384,
  ecdsaNistp521,
  rsaSha2_512,
  rsaSha2_256,
  skEd25519,
  skEcdsaNistp256,
];

/** All signature algorithms of plain keys in this package, in OpenSSH's order of preference. */
export const defaultSignatureAlgorithms: readonly SignatureAlgorithm[] =
  /* @__PURE__ */ defaultHostKeyAlgorithms.concat(webauthnSkEcdsaNistp256);

/** Those of certificates: one for each of {@link defaultSignatureAlgorithms}. */
export const defaultCertificateAlgorithms: readonly SignatureAlgorithm[] =
  /* @__PURE__ */ defaultSignatureAlgorithms.map((one) =>
    certifiedAlgorithm(one, defaultKeyFormats, defaultSignatureAlgorithms),
  );

const MAKERS: readonly KeyMaker[] = [
  ed25519Maker,
  ecdsaNistp256Maker,
  ecdsaNistp384Maker,
  ecdsaNistp521Maker,
  rsaMaker,
];

/**
 * Parses a certificate and verifies the signature of its authority, with the formats and algorithms of this package. SHA-1 is not among
 * them, so a signature with it is not verified (`isVerified`). Throws `key-unsupported` for another format, `key-malformed` for invalid
 * fields and an invalid signature, and `key-weak`.
 */
export function parseCertificate(blob: Uint8Array): Certificate {
  return readCertificate(blob, defaultKeyFormats, defaultSignatureAlgorithms);
}

/** Private values of a key of this package's formats. Secret: never log them. */
export type PrivateKeyValues = Ed25519Values | EcdsaValues | RsaFields;

/**
 * Builds a private key from the values of a key file. Throws `key-unsupported` for another format, `key-malformed` if public and private
 * values do not match, or `key-weak`.
 */
export function privateKeyFromFields(values: PrivateKeyFields | PrivateKeyValues, bounds?: KeyBounds): PrivateKey {
  return findKeyFormat(MAKERS, values.format).make(values, bounds);
}
