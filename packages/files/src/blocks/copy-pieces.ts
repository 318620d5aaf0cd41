import type { Bytes } from "@nacre/wire";

/** Copies pieces, one behind the other, to the beginning of `target`. Returns the number of bytes. */
export function copyPieces(pieces: readonly Uint8Array[], target: Bytes): number {
  let at = 0;
  for (const piece of pieces) {
    target.set(piece, at);
    at += piece.length;
  }
  return at;
}
