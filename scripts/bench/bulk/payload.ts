import { createCipheriv, createHash } from "node:crypto";
import { BLOCK_LENGTH, piecesOf } from "./pieces.ts";

/** A pseudo-random block. The payload repeats it. */
export const block: Buffer = createCipheriv("aes-128-ctr", Buffer.alloc(16, 1), Buffer.alloc(16)).update(
  Buffer.alloc(BLOCK_LENGTH),
);

const CHUNK = 64 * 1024;

/** Returns the payload in pieces of at most 64 KiB, which are views of the block. */
export function payload(bytes: number): Generator<Buffer> {
  return piecesOf(block, bytes, CHUNK);
}

/** Returns the SHA-256 of the payload, in hex. */
export function payloadDigest(bytes: number): string {
  const hash = createHash("sha256");
  for (const piece of payload(bytes)) hash.update(piece);
  return hash.digest("hex");
}
