import { openPlainPrivateKey, type PrivateKeyFile } from "@nacre/keyfiles/parts";
import { type CryptoChoice, nodePrivateKey } from "./crypto/private-key.ts";

/**
 * What a private key file holds; a key that is not encrypted signs with node:crypto, unless the portable code is chosen. Reading an
 * encrypted one takes the portable code, which is imported then. Rejects with what `openPrivateKey` throws.
 */
export async function openKeyFile(
  bytes: Uint8Array | string,
  crypto: CryptoChoice | undefined,
): Promise<PrivateKeyFile> {
  const plain = crypto === "noble" ? undefined : openPlainPrivateKey(bytes, nodePrivateKey);
  return plain ?? (await import("@nacre/keyfiles")).openPrivateKey(bytes);
}
