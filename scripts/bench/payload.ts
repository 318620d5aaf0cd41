import { createCipheriv, createHash } from "node:crypto";

/**
 * A pseudo-random block. The payload repeats it. The length is a prime, so that lost, repeated or swapped packets change the digest.
 */
export const block: Buffer = createCipheriv("aes-128-ctr", Buffer.alloc(16, 1), Buffer.alloc(16)).update(
  Buffer.alloc(1_048_573),
);

const CHUNK = 64 * 1024;

/** Returns the payload in pieces of at most 64 KiB, which are views of the block. */
export function* payload(bytes: number): Generator<Buffer> {
  for (let sent = 0; sent < bytes; ) {
    const offset = sent % block.length;
    const piece = block.subarray(offset, Math.min(offset + CHUNK, block.length, offset + bytes - sent));
    sent += piece.length;
    yield piece;
  }
}

/** Returns the SHA-256 of the payload, in hex. */
export function payloadDigest(bytes: number): string {
  const hash = createHash("sha256");
  for (const piece of payload(bytes)) hash.update(piece);
  return hash.digest("hex");
}
