import { type Bytes, Reader, SshError, Writer } from "@nacre/wire";

/** A signature as it stands on the wire: the algorithm's name, then what the algorithm makes (RFC 4253 §6.6). */
export function writeSignature(algorithm: string, blob: Uint8Array): Bytes {
  return new Writer(algorithm.length + blob.length + 8).string(algorithm).string(blob).finish();
}

/**
 * What the algorithm made: a view of `signature`. `undefined` when the signature is malformed, is followed by more bytes,
 * or names another algorithm than the one that was agreed on.
 */
export function readSignature(algorithm: string, signature: Uint8Array): Uint8Array | undefined {
  return wellFormed(() => {
    const reader = new Reader(signature, "signature");
    const name = reader.name("algorithm");
    const blob = reader.string("signature blob");
    reader.end();
    // rule: signature-name-inside
    return name === algorithm ? blob : undefined;
  });
}

/** What `read` returns, or `undefined` when the bytes it reads are malformed: to a verifier that is one more bad signature. */
export function wellFormed<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof SshError && error.code === "malformed-message") return undefined;
    throw error;
  }
}
