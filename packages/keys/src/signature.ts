import { type Bytes, Reader, SshError, Writer } from "@nacre/wire";

/** Encodes a signature blob: the algorithm name, then the algorithm's own signature (RFC 4253 §6.6). */
export function writeSignature(algorithm: string, blob: Uint8Array): Bytes {
  return new Writer(algorithm.length + blob.length + 8).string(algorithm).string(blob).finish();
}

/**
 * Returns the algorithm's own signature as a view of `signature`. Returns `undefined` if the blob is malformed, has trailing bytes or
 * names another algorithm than `algorithm`.
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

/** Returns the result of `read`, or `undefined` if the bytes are malformed: a verifier treats them as an invalid signature. */
export function wellFormed<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof SshError && error.code === "malformed-message") return undefined;
    throw error;
  }
}
