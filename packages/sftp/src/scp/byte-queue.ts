import type { Bytes } from "@nacre/wire";
import { NEWLINE } from "./records.ts";

/** Chunks shorter than this are copied together, so that a peer cannot make us keep one object per byte. */
const SHORT_CHUNK = 1024;

/** Size of the buffers in which short chunks are collected. */
const COLLECTED = 8 * 1024;

/** Received bytes that are not read, as the chunks in which they came. */
export class ByteQueue {
  #chunks: Uint8Array[] = [];
  /** Number of unread bytes. */
  #length = 0;
  /** Number of unread bytes in which no newline was found, so that each byte is searched once. */
  #searched = 0;
  /** Buffer with short chunks, and the part of it that is the last chunk. */
  #collected: Bytes = new Uint8Array(0);
  #start = 0;
  #end = 0;

  /** Number of unread bytes. */
  get length(): number {
    return this.#length;
  }

  /** First unread byte; `undefined` if the queue is empty. */
  get first(): number | undefined {
    return this.#chunks[0]?.[0];
  }

  /** Adds bytes. Long chunks are kept as they are; the caller must not change them. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#length += bytes.length;
    if (bytes.length < SHORT_CHUNK) this.#collect(bytes);
    else this.#chunks.push(bytes);
  }

  /** Removes and returns up to `most` bytes of the first chunk, as a view. */
  take(most: number): Bytes {
    const chunk = this.#chunks[0] ?? new Uint8Array(0);
    const taken = chunk.subarray(0, most);
    if (taken.length === chunk.length) this.#chunks.shift();
    else this.#chunks[0] = chunk.subarray(taken.length);
    this.#length -= taken.length;
    this.#searched = Math.max(0, this.#searched - taken.length);
    return taken as Bytes;
  }

  /** Reads the next bytes, at most `length`, as a copy. */
  copy(length: number): Bytes {
    const copy = new Uint8Array(Math.min(length, this.#length));
    for (let at = 0; at < copy.length; ) {
      const part = this.take(copy.length - at);
      copy.set(part, at);
      at += part.length;
    }
    return copy;
  }

  /** Reads a line and its newline, and returns it without the newline. Returns `undefined` until all of it is here. */
  line(): Bytes | undefined {
    const length = this.#newline();
    if (length < 0) return undefined;
    const line = this.copy(length);
    this.take(1);
    return line;
  }

  /** Drops all bytes. */
  clear(): void {
    this.#chunks = [];
    this.#length = 0;
    this.#searched = 0;
    this.#collected = new Uint8Array(0);
    this.#start = 0;
    this.#end = 0;
  }

  /** Returns the number of bytes before the first newline, or -1. */
  #newline(): number {
    let before = 0;
    for (const chunk of this.#chunks) {
      const from = Math.max(0, this.#searched - before);
      const at = from < chunk.length ? chunk.indexOf(NEWLINE, from) : -1;
      if (at >= 0) return before + at;
      before += chunk.length;
    }
    this.#searched = before;
    return -1;
  }

  #collect(bytes: Uint8Array): void {
    const last = this.#chunks.at(-1);
    const isFull = this.#end + bytes.length > this.#collected.length;
    // The last chunk may have been read in part, so its own length counts.
    const isLast = !isFull && last !== undefined && last.buffer === this.#collected.buffer;
    if (isFull) {
      this.#collected = new Uint8Array(COLLECTED);
      this.#end = 0;
    }
    this.#start = isLast ? this.#end - last.length : this.#end;
    if (isLast) this.#chunks.pop();
    this.#collected.set(bytes, this.#end);
    this.#end += bytes.length;
    this.#chunks.push(this.#collected.subarray(this.#start, this.#end));
  }
}
