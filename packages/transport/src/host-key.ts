import type { SignatureAlgorithm, SignatureFacts } from "@nacre/keys";
import { Reader, SshError } from "@nacre/wire";

/**
 * Verifies that the server holds its host key: the signature over the exchange hash must be valid under the negotiated algorithm
 * (RFC 4253 §8, RFC 8332 §3.2). Returns the signature's other facts. Throws `kex-failed` if the key has another format or is not
 * acceptable, and `bad-signature` if the signature is invalid.
 */
export function proveHostKey(
  algorithm: SignatureAlgorithm,
  hostKey: Uint8Array,
  exchangeHash: Uint8Array,
  signature: Uint8Array,
): SignatureFacts {
  const format = new Reader(hostKey, "host key").name("format");
  // rule: host-key-format
  if (format !== algorithm.keyFormat)
    throw new SshError(
      "kex-failed",
      `the server sent a host key of format ${format}, but ${algorithm.name} was negotiated`,
    );
  const facts = verify(algorithm, hostKey, exchangeHash, signature);
  if (facts === undefined)
    throw new SshError(
      "bad-signature",
      `the server's ${algorithm.name} signature over the key exchange is invalid: the server lacks the private host key, or the exchange was modified in transit`,
    );
  return facts;
}

function verify(
  algorithm: SignatureAlgorithm,
  hostKey: Uint8Array,
  exchangeHash: Uint8Array,
  signature: Uint8Array,
): SignatureFacts | undefined {
  try {
    return algorithm.verify(hostKey, exchangeHash, signature);
  } catch (error) {
    // Key errors blame the caller, but this key comes from the peer.
    if (error instanceof SshError && error.culprit !== "bug")
      throw new SshError("kex-failed", `the server's host key is not acceptable: ${error.message}`, { cause: error });
    throw error;
  }
}
