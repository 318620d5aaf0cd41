import { type Bytes, copyBytes, SshError } from "@nacre/wire";

/** Bytes of the length field before each packet. */
const LENGTH_FIELD = 4;

/** Chunks shorter than this are copied together, so that a peer cannot make us keep one object per byte. */
const SHORT_CHUNK = 1024;

/** Size of the buffers in which short chunks are collected. */
const COLLECTED = 8 * 1024;

/**
 * Received bytes. A Set does not hold the long ones: V8 replaces the table of a Set whose values change, and an old table keeps the next
 * ones alive until a full garbage collection. In a long download, these held 40 MiB of bytes that were read.
 */
interface Chunk {
  readonly bytes: Uint8Array;
  /** Whether the bytes are short chunks, which share a buffer with others. */
  readonly isCollected: boolean;
}

/**
 * Splits a byte stream into packets: a uint32 length, then that many bytes (draft-ietf-secsh-filexfer-02 §3). Keeps the received chunks as
 * they are, so that the bytes of a packet are copied only once, when they leave it.
 */
export class FrameReader {
  readonly #maxLength: number;
  /** Chunks that are not completely read, oldest first. */
  #chunks: Chunk[] = [];
  /** Number of bytes read of the first chunk. */
  #offset = 0;
  /** Number of unread bytes in all chunks. */
  #held = 0;
  /** Unread bytes of the current packet; `undefined` before its length field. */
  #remaining: number | undefined;
  /** Buffer with short chunks, and the place of its last view in `#chunks`. */
  #collected: Bytes = new Uint8Array(0);
  #collectedStart = 0;
  #collectedEnd = 0;

  /** `maxLength`: maximum length of a packet in bytes, without its length field. */
  constructor(maxLength: number) {
    this.#maxLength = maxLength;
  }

  /** Number of received bytes that no packet has taken. */
  get held(): number {
    return this.#held;
  }

  /** Number of unread bytes of the current packet. */
  get remaining(): number {
    return this.#remaining ?? 0;
  }

  /** Whether the stream stands inside a packet, so that it must not end here. */
  get isInside(): boolean {
    return this.#held > 0 || this.#remaining !== undefined;
  }

  /**
   * Adds received bytes. Long chunks are kept as views: their buffer must not change until they are read. If `takePieces` reads them,
   * nothing else may use it.
   */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#held += bytes.length;
    if (bytes.length < SHORT_CHUNK) this.#collect(bytes);
    else this.#chunks.push({ bytes, isCollected: false });
  }

  /**
   * Returns whether the whole next packet is here, and makes it the current one. Call it when the current packet is read. Throws
   * `packet-length` if the packet is empty or too long.
   */
  next(): boolean {
    if (this.#remaining === undefined) {
      if (this.#held < LENGTH_FIELD) return false;
      const length = this.#uint32At(0);
      // rule: sftp-packet-length
      if (length > this.#maxLength)
        throw new SshError("packet-length", `an SFTP packet of ${length} bytes; the limit is ${this.#maxLength}`);
      if (length === 0) throw new SshError("packet-length", "an SFTP packet without a type");
      this.#skip(LENGTH_FIELD);
      this.#remaining = length;
    }
    return this.#held >= this.#remaining;
  }

  /** Returns a byte of the current packet without reading it. */
  byteAt(at: number): number {
    let index = this.#offset + at;
    for (const { bytes } of this.#chunks) {
      if (index < bytes.length) return bytes[index]!;
      index -= bytes.length;
    }
    return 0;
  }

  /** Returns a uint32 of the current packet without reading it. */
  uint32At(at: number): number {
    return this.#uint32At(at);
  }

  /** Reads bytes of the current packet and drops them. */
  skip(length: number): void {
    this.#leave(length);
    this.#skip(length);
  }

  /** Reads the next `length` bytes of the current packet. Returns a copy, so that no view of a chunk is left. */
  take(length: number): Bytes {
    const copy = new Uint8Array(length);
    this.copy(copy);
    return copy;
  }

  /**
   * Reads the next `length` bytes of the current packet as pieces, none empty. The caller owns the pieces and their buffers. A piece is a
   * view only if it ends a long chunk; the others are copies.
   */
  takePieces(length: number): Bytes[] {
    this.#leave(length);
    const pieces: Bytes[] = [];
    for (let left = length; left > 0; ) {
      const { bytes, isCollected } = this.#chunks[0]!;
      const part = bytes.subarray(this.#offset, this.#offset + left);
      const endsChunk = this.#offset + part.length === bytes.length;
      pieces.push(endsChunk && !isCollected ? (part as Bytes) : copyBytes(part));
      left -= part.length;
      this.#skip(part.length);
    }
    return pieces;
  }

  /** Reads the next `target.length` bytes of the current packet into `target`. */
  copy(target: Uint8Array): void {
    this.#leave(target.length);
    for (let at = 0; at < target.length; ) {
      const { bytes } = this.#chunks[0]!;
      const part = bytes.subarray(this.#offset, this.#offset + target.length - at);
      target.set(part, at);
      at += part.length;
      this.#skip(part.length);
    }
  }

  /** Drops all bytes. */
  clear(): void {
    this.#chunks = [];
    this.#offset = 0;
    this.#held = 0;
    this.#remaining = undefined;
    this.#collected = new Uint8Array(0);
  }

  #leave(length: number): void {
    const left = (this.#remaining ?? 0) - length;
    if (left < 0) throw new SshError("internal", "read beyond the end of an SFTP packet");
    this.#remaining = left === 0 ? undefined : left;
  }

  #skip(length: number): void {
    this.#held -= length;
    let left = length;
    for (let first = this.#chunks[0]; first !== undefined && left >= first.bytes.length - this.#offset; ) {
      left -= first.bytes.length - this.#offset;
      this.#chunks.shift();
      this.#offset = 0;
      first = this.#chunks[0];
    }
    this.#offset += left;
  }

  #collect(added: Uint8Array): void {
    const last = this.#chunks.at(-1);
    const continues = last !== undefined && last.bytes.buffer === this.#collected.buffer;
    if (this.#collectedEnd + added.length > this.#collected.length) {
      this.#collected = new Uint8Array(COLLECTED);
      this.#collectedStart = 0;
      this.#collectedEnd = 0;
    } else if (continues) {
      this.#chunks.pop();
    } else {
      this.#collectedStart = this.#collectedEnd;
    }
    this.#collected.set(added, this.#collectedEnd);
    this.#collectedEnd += added.length;
    const bytes = this.#collected.subarray(this.#collectedStart, this.#collectedEnd);
    this.#chunks.push({ bytes, isCollected: true });
  }

  #uint32At(at: number): number {
    return (
      ((this.byteAt(at) << 24) | (this.byteAt(at + 1) << 16) | (this.byteAt(at + 2) << 8) | this.byteAt(at + 3)) >>> 0
    );
  }
}
