import { type Bytes, copyBytes } from "@nacre/wire";

/** Size of a block of small chunks in bytes. */
const BLOCK = 8 * 1024;

/** Chunks of fewer bytes are combined in blocks. */
export const SMALL_CHUNK: number = BLOCK / 2;

/** A chunk of bytes for a reader. */
export interface Chunk {
  readonly bytes: Bytes;
  /** Window credit in bytes, returned when the reader takes the chunk. */
  readonly credit: number;
}

/** A queued chunk. Its first `length` bytes are filled; a block has room for more. */
interface PendingChunk {
  bytes: Bytes;
  length: number;
  credit: number;
}

/**
 * A queue of received bytes that wait for their reader. Memory stays close to the number of bytes queued, for any chunk sizes: one array
 * per byte would take a hundred times the window. So small chunks are combined in blocks, and a small part of a large buffer is copied out
 * of it.
 */
export class Backlog {
  readonly #waiting: PendingChunk[] = [];

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Length of the next chunk in bytes; 0 if the queue is empty. */
  get nextLength(): number {
    return this.#waiting[0]?.length ?? 0;
  }

  /** Appends a chunk. `credit` is the number of bytes to return to the window when it is read. */
  push(bytes: Bytes, credit: number): void {
    const last = this.#waiting.at(-1);
    if (last !== undefined && bytes.length < SMALL_CHUNK && hasRoom(last, bytes.length)) {
      last.bytes.set(bytes, last.length);
      last.length += bytes.length;
      last.credit += credit;
    } else {
      const isPart = 2 * bytes.length < bytes.buffer.byteLength;
      this.#waiting.push({ bytes: isPart ? copyBytes(bytes) : bytes, length: bytes.length, credit });
    }
  }

  /** Removes and returns the oldest chunk; `undefined` if the queue is empty. */
  shift(): Chunk | undefined {
    const first = this.#waiting.shift();
    return first && { bytes: first.bytes.subarray(0, first.length), credit: first.credit };
  }

  /** Drops all chunks and returns their credit. */
  clear(): number {
    return this.#waiting.splice(0).reduce((sum, { credit }) => sum + credit, 0);
  }

  /** Removes all chunks and returns them as one array. */
  takeAll(): Bytes {
    const all = new Uint8Array(this.#waiting.reduce((sum, { length }) => sum + length, 0));
    let offset = 0;
    for (const { bytes, length } of this.#waiting.splice(0)) {
      all.set(bytes.subarray(0, length), offset);
      offset += length;
    }
    return all;
  }
}

/** Returns whether `more` bytes fit into the chunk. Enlarges it to a block on the second small chunk: a single keystroke needs no block. */
function hasRoom(chunk: PendingChunk, more: number): boolean {
  if (chunk.bytes.length === chunk.length && chunk.length < SMALL_CHUNK) {
    const block = new Uint8Array(BLOCK);
    block.set(chunk.bytes);
    chunk.bytes = block;
  }
  return chunk.length + more <= chunk.bytes.length;
}
