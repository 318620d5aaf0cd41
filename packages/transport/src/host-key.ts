import type { SignatureAlgorithm } from "@nacre/keys";
import { Reader, SshError } from "@nacre/wire";

/**
 * Whether the server holds the host key that it shows: its signature over the exchange hash, under the algorithm that was
 * negotiated and no other (RFC 4253 §8, RFC 8332 §3.2). Returns when it does; throws `kex-failed` for a key that is not of the
 * algorithm's format or not acceptable, `bad-signature` when the signature is not its own.
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
      `The server showed a host key of format ${format} where ${algorithm.name} was agreed`,
    );
  if (!verifies(algorithm, hostKey, exchangeHash, signature))
    throw new SshError(
      "bad-signature",
      `The server's ${algorithm.name} signature over the key exchange is wrong: it does not hold the host key it shows, or somebody changed the exchange`,
    );
}

function verifies(
  algorithm: SignatureAlgorithm,
  hostKey: Uint8Array,
  exchangeHash: Uint8Array,
  signature: Uint8Array,
): boolean {
  try {
    return algorithm.verify(hostKey, exchangeHash, signature);
  } catch (error) {
    // Errors of keys speak of a key that the caller gave. This one is the peer's.
    if (error instanceof SshError && error.culprit !== "bug")
      throw new SshError("kex-failed", `The server's host key is not acceptable: ${error.message}`, { cause: error });
    throw error;
  }
}
