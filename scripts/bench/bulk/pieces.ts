/**
 * Length in bytes of the block that the payload repeats. A prime, so that lost, repeated or swapped packets change the digest.
 */
export const BLOCK_LENGTH: number = 1_048_573;

/** Returns `bytes` bytes of a repeated block, in pieces of at most `most` bytes, which are views of the block. */
export function* piecesOf<B extends Uint8Array>(block: B, bytes: number, most: number): Generator<B> {
  for (let sent = 0; sent < bytes; ) {
    const offset = sent % block.length;
    const piece = block.subarray(offset, Math.min(offset + most, block.length, offset + bytes - sent)) as B;
    sent += piece.length;
    yield piece;
  }
}
