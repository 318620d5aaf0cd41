import type { SignatureAlgorithm } from "@nacre/keys";
import { Reader, SshError } from "@nacre/wire";

/**
 * Verifies that the server holds its host key: the signature over the exchange hash must be valid under the negotiated algorithm
 * (RFC 4253 §8, RFC 8332 §3.2). Throws `kex-failed` if the key has another format or is not acceptable, and `bad-signature` if the
 * signature is invalid.
 */
export function proveHostKey(
  algorithm: SignatureAlgorithm,
  hostKey: Uint8Array,
  exchangeHash: Uint8Array,
  signature: Uint8Array,
): void {
  const format = new Reader(hostKey, "host key").name("format");
  // rule: host-key-format
  if (format !== algorithm.keyFormat)
    throw new SshError(
      "kex-failed",
      `the server sent a host key of format ${format}, but ${algorithm.name} was negotiated`,
    );
  if (!verifies(algorithm, hostKey, exchangeHash, signature))
    throw new SshError(
      "bad-signature",
      `the server's ${algorithm.name} signature over the key exchange is invalid: the server lacks the private host key, or the exchange was modified in transit`,
    );
}

function verifies(
  algorithm: SignatureAlgorithm,
  hostKey: Uint8Array,
  exchangeHash: Uint8Array,
  signature: Uint8Array,
): boolean {
  try {
    return algorithm.verify(hostKey, exchangeHash, signature) !== undefined;
  } catch (error) {
    // Key errors blame the caller, but this key comes from the peer.
    if (error instanceof SshError && error.culprit !== "bug")
      throw new SshError("kex-failed", `the server's host key is not acceptable: ${error.message}`, { cause: error });
    throw error;
  }
}
