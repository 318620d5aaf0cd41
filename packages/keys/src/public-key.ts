import { SshError } from "@nacre/wire";
import { keyFormat } from "./blob.ts";
import { ecdsaPublicKey } from "./ecdsa-values.ts";
import { ed25519PublicKey } from "./ed25519-values.ts";
import type { PublicKey } from "./key.ts";
import { rsaPublicKey } from "./rsa-values.ts";

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
