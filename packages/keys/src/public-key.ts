import { SshError } from "@nacre/wire";
import { keyFormat } from "./blob.ts";
import { ecdsaPublicKey } from "./ecdsa-values.ts";
import { ed25519PublicKey } from "./ed25519-values.ts";
import type { PublicKey } from "./key.ts";
import { rsaPublicKey } from "./rsa-values.ts";

/**
 * Parses a public key blob of any format in this package and copies it (RFC 4253 §6.6). Throws `key-unsupported` for another format,
 * `key-malformed` or `key-weak`.
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
      throw new SshError("key-unsupported", `unsupported key format ${format}`);
  }
}
