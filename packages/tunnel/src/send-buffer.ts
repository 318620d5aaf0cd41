import { type Bytes, copyBytes, SshError } from "@nacre/wire";
import { INITIAL_SEND_BUFFER, MAX_DATA_LENGTH, MAX_SEND_BUFFER } from "./limits.ts";
import { TUNNEL_MESSAGE } from "./messages.ts";

/** Growth budget in bytes that several tunnels share, beyond the initial size of their send buffers. */
export interface BufferGrowth {
  spare: number;
}

/** Minimum round trip in milliseconds for growth. The initial buffer carries 100 MB/s on shorter paths. */
const SHORT_PATH = 10;

/** Minimum size in bytes to keep an encoded chunk without copying. Smaller chunks share messages and memory. */
const LARGE_CHUNK = 16 * 1024;

/** Size in bytes of the memory that small chunks share. */
const SHARED_MEMORY = 4 * 1024;

interface Chunk {
  bytes: Bytes;
  /** Encoded DATA message over the same memory, if the caller supplied one. `bytes` start at its second byte. */
  readonly message: Bytes | undefined;
  /** Memory whose first bytes are `bytes`, with room for more. */
  readonly shared: Bytes | undefined;
}

/**
 * Bytes of one direction, kept until the peer acknowledges them, so that another WebSocket can send them again. The end of the direction
 * occupies the position after the last byte.
 */
export class SendBuffer {
  readonly #growth: BufferGrowth;
  readonly #onFreed: ((message: Bytes) => void) | undefined;
  /** Unacknowledged bytes; the first chunk starts at `#acknowledged`. */
  readonly #chunks: Chunk[] = [];
  #limit = INITIAL_SEND_BUFFER;
  #acknowledged = 0;
  #sent = 0;
  /** Position after the last byte. */
  #written = 0;
  #hasEnded = false;
  /** Chunk that contains or ends at the position `#sent`, and the offset in that chunk. */
  #next = { chunk: 0, offset: 0 };
  /** Encoded DATA message of the last bytes, if they were copied and all bytes before them were sent. */
  #fresh: Bytes | undefined;
  /** A sent position and its send time, for measuring the round trip. */
  #probe: { readonly position: number; readonly at: number; wasFull: boolean } | undefined;

  /** `onFreed` is called with each message of `writeMessage` when the buffer no longer uses its memory. */
  constructor(growth: BufferGrowth, onFreed?: (message: Bytes) => void) {
    this.#growth = growth;
    this.#onFreed = onFreed;
  }

  /** Number of bytes that can be written before the buffer is full. */
  get room(): number {
    return Math.max(0, this.#limit - this.buffered);
  }

  /** Number of unacknowledged bytes in memory. */
  get buffered(): number {
    return Math.max(0, this.#written - this.#acknowledged);
  }

  /** Whether the peer acknowledged all bytes and the end. */
  get isFinished(): boolean {
    return this.#hasEnded && this.#acknowledged === this.#written + 1;
  }

  /** Adds bytes; the buffer then owns them. Callers should stop while `room` is 0. A chunk larger than `room` is accepted whole. */
  write(bytes: Bytes): void {
    this.#assertNotEnded();
    this.#fresh = undefined;
    if (bytes.length > 0) this.#chunks.push({ bytes, message: undefined, shared: undefined });
    this.#add(bytes.length);
  }

  /**
   * Adds the bytes of an encoded DATA message. A message of 16 KiB or more is kept and sent without a copy. The bytes of a smaller one are
   * copied, because many small buffers need much more memory than their bytes.
   */
  writeMessage(message: Bytes): void {
    this.#assertNotEnded();
    const bytes = message.subarray(1);
    const isCopied = bytes.length < LARGE_CHUNK;
    this.#fresh = isCopied && this.#sent === this.#written ? message : undefined;
    if (!isCopied) this.#chunks.push({ bytes, message, shared: undefined });
    else if (bytes.length > 0) this.#copyIn(bytes);
    this.#add(bytes.length);
  }

  #assertNotEnded(): void {
    if (this.#hasEnded) throw new SshError("usage", "cannot write to a tunnel after `end`");
  }

  /** Copies bytes behind the last chunk if they fit, else to a new chunk. */
  #copyIn(bytes: Bytes): void {
    const last = this.#chunks.at(-1);
    if (last?.shared !== undefined && last.bytes.length + bytes.length <= last.shared.length) {
      const { length } = last.bytes;
      last.shared.set(bytes, length);
      last.bytes = last.shared.subarray(0, length + bytes.length);
    } else {
      const shared = new Uint8Array(Math.max(SHARED_MEMORY, bytes.length));
      shared.set(bytes);
      this.#chunks.push({ bytes: shared.subarray(0, bytes.length), message: undefined, shared });
    }
  }

  #add(length: number): void {
    this.#written += length;
    if (this.room === 0 && this.#probe !== undefined) this.#probe.wasFull = true;
  }

  /** Ends the direction after the written bytes. */
  end(): void {
    this.#hasEnded = true;
  }

  /** Returns the next DATA or END message, or `undefined` if all were sent. `now` is in milliseconds. */
  takeMessage(now: number): Bytes | undefined {
    // A chunk can exceed the buffer, but sent bytes must not exceed the peer's limit.
    const allowed = this.#acknowledged + MAX_SEND_BUFFER - this.#sent;
    const whole = this.#takeFresh(allowed) ?? this.#takeWhole(allowed);
    if (whole !== undefined) {
      this.#advance(whole.length - 1, now);
      return whole;
    }
    const length = this.#nextLength(Math.min(MAX_DATA_LENGTH, allowed));
    if (length > 0) {
      const message = this.#copyNext(length);
      this.#advance(length, now);
      return message;
    }
    if (!this.#hasEnded || this.#sent !== this.#written) return undefined;
    this.#advance(1, now);
    return Uint8Array.of(TUNNEL_MESSAGE.END);
  }

  /** Frees the bytes before `position`, and may grow the buffer. Throws `malformed-message` if `position` is outside the sent range. */
  acknowledge(position: number, now: number): void {
    this.#check(position);
    this.#drop(position);
    const probe = this.#probe;
    if (probe === undefined || position < probe.position) return;
    this.#probe = undefined;
    if (probe.wasFull && now - probe.at >= SHORT_PATH) this.#grow();
  }

  /** Resumes sending from `position`. Throws `malformed-message` if `position` is outside the sent range. */
  rewind(position: number): void {
    this.#check(position);
    this.#sent = position;
    this.#fresh = undefined;
    this.#probe = undefined;
    this.#next = { chunk: 0, offset: 0 };
    // The end of the direction occupies a position, but no byte.
    this.#moveNext(Math.min(position, this.#written) - this.#acknowledged);
  }

  /** Frees the bytes and returns this tunnel's growth to the shared budget. The buffer must not send afterwards. */
  release(): void {
    this.#acknowledged = Math.max(this.#acknowledged, this.#written);
    this.#growth.spare += this.#limit - INITIAL_SEND_BUFFER;
    this.#limit = INITIAL_SEND_BUFFER;
    for (const chunk of this.#chunks) this.#free(chunk);
    this.#chunks.length = 0;
  }

  #check(position: number): void {
    // rule: tunnel-position
    if (position < this.#acknowledged || position > this.#sent)
      throw new SshError(
        "malformed-message",
        `tunnel position ${position} is outside ${this.#acknowledged} to ${this.#sent}`,
      );
  }

  /** Takes the encoded message of the last bytes. */
  #takeFresh(allowed: number): Bytes | undefined {
    const message = this.#fresh;
    if (message === undefined || message.length <= 1 || message.length - 1 > allowed) return undefined;
    this.#fresh = undefined;
    this.#moveNext(message.length - 1);
    return message;
  }

  /** Takes the encoded message of the next chunk, if no byte of that chunk was sent. */
  #takeWhole(allowed: number): Bytes | undefined {
    this.#moveNext(0);
    const message = this.#chunks[this.#next.chunk]?.message;
    if (message === undefined || this.#next.offset > 0 || message.length - 1 > allowed) return undefined;
    this.#moveNext(message.length - 1);
    return message;
  }

  /** Returns the length of the next copied message, at most `most`. Stops before a chunk that is already encoded. */
  #nextLength(most: number): number {
    let length = -this.#next.offset;
    for (let at = this.#next.chunk; at < this.#chunks.length && length < most; at++) {
      const { bytes, message } = this.#chunks[at]!;
      if (message !== undefined && at > this.#next.chunk) break;
      length += bytes.length;
    }
    return Math.min(length, most);
  }

  #copyNext(length: number): Bytes {
    const message = new Uint8Array(1 + length);
    message[0] = TUNNEL_MESSAGE.DATA;
    let filled = 1;
    while (filled < message.length) {
      const chunk = this.#chunks[this.#next.chunk]!.bytes;
      const part = chunk.subarray(this.#next.offset, this.#next.offset + message.length - filled);
      message.set(part, filled);
      filled += part.length;
      this.#moveNext(part.length);
    }
    return message;
  }

  /** Moves `#next` by `length` bytes. It stays at the end of the last chunk, which may become longer. */
  #moveNext(length: number): void {
    const next = this.#next;
    next.offset += length;
    while (next.chunk < this.#chunks.length - 1 && next.offset >= this.#chunks[next.chunk]!.bytes.length) {
      next.offset -= this.#chunks[next.chunk]!.bytes.length;
      next.chunk++;
    }
  }

  #advance(length: number, now: number): void {
    this.#sent += length;
    this.#probe ??= { position: this.#sent, at: now, wasFull: this.room === 0 };
  }

  #drop(position: number): void {
    let count = Math.min(position, this.#written) - this.#acknowledged;
    let dropped = 0;
    while (count > 0 && count >= this.#chunks[dropped]!.bytes.length) {
      const chunk = this.#chunks[dropped++]!;
      count -= chunk.bytes.length;
      this.#free(chunk);
    }
    this.#chunks.splice(0, dropped);
    this.#next.chunk -= dropped;
    if (this.#next.chunk < 0) this.#next = { chunk: 0, offset: 0 };
    if (count > 0) {
      // Copy a remainder that the caller may free, or that is small, so that the memory of the whole chunk can be freed.
      const chunk = this.#chunks[0]!;
      const rest = chunk.bytes.subarray(count);
      const isCopied = chunk.message !== undefined || 2 * rest.length < chunk.bytes.length;
      this.#chunks[0] = { bytes: isCopied ? copyBytes(rest) : rest, message: undefined, shared: undefined };
      this.#free(chunk);
      if (this.#next.chunk === 0) this.#next.offset -= count;
    }
    this.#acknowledged = position;
  }

  #free({ message }: Chunk): void {
    if (message !== undefined) this.#onFreed?.(message);
  }

  #grow(): void {
    const step = Math.min(this.#limit, MAX_SEND_BUFFER - this.#limit, this.#growth.spare);
    if (step <= 0) return;
    this.#growth.spare -= step;
    this.#limit += step;
  }
}
