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
import type { KeyMaker, PrivateKey, PrivateKeyFields, SignatureAlgorithm } from "./key.ts";
import { findKeyFormat } from "./key-format.ts";
import { rsaMaker, rsaSha2_256, rsaSha2_512 } from "./rsa.ts";
import type { RsaFields } from "./rsa-format.ts";

/** All signature algorithms of this package, in OpenSSH's order of preference. */
export const defaultSignatureAlgorithms: readonly SignatureAlgorithm[] = [
  ed25519,
  ecdsaNistp256,
  ecdsaNistp384,
  ecdsaNistp521,
  rsaSha2_512,
  rsaSha2_256,
];

const MAKERS: readonly KeyMaker[] = [
  ed25519Maker,
  ecdsaNistp256Maker,
  ecdsaNistp384Maker,
  ecdsaNistp521Maker,
  rsaMaker,
];

/** Private values of a key of this package's formats. Secret: never log them. */
export type PrivateKeyValues = Ed25519Values | EcdsaValues | RsaFields;

/**
 * Builds a private key from the values of a key file. Throws `key-unsupported` for another format, `key-malformed` if public and private
 * values do not match, or `key-weak`.
 */
export function privateKeyFromFields(values: PrivateKeyFields | PrivateKeyValues): PrivateKey {
  return findKeyFormat(MAKERS, values.format).make(values);
}
