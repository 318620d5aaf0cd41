import { ecdsaNistp256, ecdsaNistp384, ecdsaNistp521, ecdsaPrivateKey } from "./ecdsa.ts";
import { ed25519, ed25519PrivateKey } from "./ed25519.ts";
import type { PrivateKey, PrivateKeyValues, SignatureAlgorithm } from "./key.ts";
import { rsaPrivateKey, rsaSha2_256, rsaSha2_512 } from "./rsa.ts";

/** All signature algorithms of this package, in OpenSSH's order of preference. */
export const defaultSignatureAlgorithms: readonly SignatureAlgorithm[] = [
  ed25519,
  ecdsaNistp256,
  ecdsaNistp384,
  ecdsaNistp521,
  rsaSha2_512,
  rsaSha2_256,
];

/** Builds a private key from the fields of a key file. Throws `key-malformed` if public and private values do not match, or `key-weak`. */
export function privateKeyFromFields(fields: PrivateKeyValues): PrivateKey {
  switch (fields.format) {
    case "ssh-ed25519":
      return ed25519PrivateKey(fields.seed, fields.publicKey);
    case "ecdsa":
      return ecdsaPrivateKey(fields.curve, fields.d, fields.publicPoint);
    case "ssh-rsa":
      return rsaPrivateKey(fields);
  }
}
