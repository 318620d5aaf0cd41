import { type Bytes, copyBytes } from "@nacre/wire";

/** What small chunks are gathered in: bytes. */
const BLOCK = 8 * 1024;

/** Chunks of fewer bytes are gathered. */
export const SMALL_CHUNK: number = BLOCK / 2;

/** Bytes for a reader. */
export interface Chunk {
  readonly bytes: Bytes;
  /** Window credit that returns when the reader takes them. */
  readonly credit: number;
}

/** A chunk that waits: a block of which `length` bytes are filled, or bytes that are all there is of them. */
interface PendingChunk {
  bytes: Bytes;
  length: number;
  credit: number;
}

/**
 * What has come from the other side and waits for its reader, in order. It costs little more memory than it has bytes, however
 * they were cut: an array for each byte would be a hundred times what the window allows. So small chunks are gathered in blocks,
 * and what is a small part of a large buffer is copied out of it.
 */
export class Backlog {
  readonly #waiting: PendingChunk[] = [];

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Bytes of the chunk that is next; 0 when there is none. */
  get nextLength(): number {
    return this.#waiting[0]?.length ?? 0;
  }

  /** Appends a chunk. `credit`: bytes to return to the window when it is read. */
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

  /** Takes the oldest chunk. */
  shift(): Chunk | undefined {
    const first = this.#waiting.shift();
    return first && { bytes: first.bytes.subarray(0, first.length), credit: first.credit };
  }

  /** Drops everything. Returns the credit of it. */
  clear(): number {
    return this.#waiting.splice(0).reduce((sum, { credit }) => sum + credit, 0);
  }

  /** Takes everything, as one array. */
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

/** Whether so many bytes more go into the chunk. A second small one makes a block of it: a keystroke alone needs none. */
function hasRoom(chunk: PendingChunk, more: number): boolean {
  if (chunk.bytes.length === chunk.length && chunk.length < SMALL_CHUNK) {
    const block = new Uint8Array(BLOCK);
    block.set(chunk.bytes);
    chunk.bytes = block;
  }
  return chunk.length + more <= chunk.bytes.length;
}
