import { equalBytes, SshError } from "@nacre/wire";
import { keyFormat } from "./blob.ts";
import { ecdsaNistp256, ecdsaNistp384, ecdsaNistp521, ecdsaPrivateKeyFromFields, ecdsaPublicKey } from "./ecdsa.ts";
import { ed25519, ed25519PrivateKey, ed25519PublicKey } from "./ed25519.ts";
import type { PrivateKey, PrivateKeyFields, PublicKey, SignatureAlgorithm } from "./key.ts";
import { rsaPrivateKey, rsaPublicKey, rsaSha2_256, rsaSha2_512 } from "./rsa.ts";

/** Every signature algorithm of this package, in OpenSSH's order of preference. */
export const defaultSignatureAlgorithms: readonly SignatureAlgorithm[] = [
  ed25519,
  ecdsaNistp256,
  ecdsaNistp384,
  ecdsaNistp521,
  rsaSha2_512,
  rsaSha2_256,
];

/**
 * A public key of any format this package knows, from its blob (RFC 4253 §6.6), which is copied. Throws `key-unsupported` naming the format,
 * `key-malformed`, or `key-weak`.
 */
export function parsePublicKey(blob: Uint8Array): PublicKey {
  const format = keyFormat(blob);
  switch (format) {
    case "ssh-ed25519":
      return ed25519PublicKey(blob);
    case "ecdsa-sha2-nistp256":
      return ecdsaPublicKey("nistp256", blob);
    case "ecdsa-sha2-nistp384":
      return ecdsaPublicKey("nistp384", blob);
    case "ecdsa-sha2-nistp521":
      return ecdsaPublicKey("nistp521", blob);
    case "ssh-rsa":
      return rsaPublicKey(blob);
    default:
      throw new SshError("key-unsupported", `keys of format ${format} are not supported`);
  }
}

/**
 * The private key that a file's fields describe. Throws `key-malformed` when its public and private values do not belong together, or
 * `key-weak`.
 */
export function privateKeyFromFields(fields: PrivateKeyFields): PrivateKey {
  switch (fields.format) {
    case "ssh-ed25519": {
      const key = ed25519PrivateKey(fields.seed);
      if (key.fields.format !== "ssh-ed25519" || !equalBytes(key.fields.publicKey, fields.publicKey))
        throw new SshError("key-malformed", "ssh-ed25519 private key: its public key belongs to another seed");
      return key;
    }
    case "ecdsa":
      return ecdsaPrivateKeyFromFields(fields);
    case "ssh-rsa":
      return rsaPrivateKey(fields);
  }
}
