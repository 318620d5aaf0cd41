import type { Bytes } from "@nacre/wire";
import { copyPieces } from "../blocks/block-reader.ts";

/** A part of a file: bytes, or pieces of it in order. It is valid until the next chunk is requested. */
export type Chunk = Uint8Array | readonly Bytes[];

/** Returns the bytes of a chunk in order. */
export function piecesOf(chunk: Chunk): readonly Uint8Array[] {
  return chunk instanceof Uint8Array ? [chunk] : chunk;
}

/** Returns the number of bytes of a chunk. */
export function lengthOf(chunk: Chunk): number {
  return piecesOf(chunk).reduce((sum, { length }) => sum + length, 0);
}

/** Copies the pieces of chunks together, into memory that is used again: the result of a call is valid until the next one. */
export class ChunkJoiner {
  #memory: Bytes = new Uint8Array(0);

  /** Returns the bytes of a chunk as one array. */
  join(chunk: Chunk): Uint8Array {
    const pieces = piecesOf(chunk);
    if (pieces.length === 1) return pieces[0]!;
    const length = lengthOf(chunk);
    if (this.#memory.length < length) this.#memory = new Uint8Array(length);
    return this.#memory.subarray(0, copyPieces(pieces, this.#memory));
  }
}

/** Yields each chunk as one array, which is valid until the next one is requested. */
export async function* joined(chunks: AsyncIterable<Chunk>): AsyncGenerator<Uint8Array, void> {
  const joiner = new ChunkJoiner();
  for await (const chunk of chunks) yield joiner.join(chunk);
}
