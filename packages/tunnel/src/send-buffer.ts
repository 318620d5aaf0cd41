import { type Bytes, copyBytes, SshError } from "@nacre/wire";
import { INITIAL_SEND_BUFFER, MAX_DATA_LENGTH, MAX_SEND_BUFFER } from "./limits.ts";
import { TUNNEL_MESSAGE } from "./messages.ts";

/** Growth budget in bytes that several tunnels share, beyond the initial size of their send buffers. */
export interface BufferGrowth {
  spare: number;
}

/** Minimum round trip in milliseconds for growth. The initial buffer carries 100 MB/s on shorter paths. */
const SHORT_PATH = 10;

/** Bytes of a {@link SendBuffer}. */
export interface Chunk {
  bytes: Bytes;
  /** Encoded DATA message over the same memory, if the caller supplied one. `bytes` start at its second byte. */
  readonly message?: Bytes;
  /** Memory whose first bytes are `bytes`, with room for more. */
  readonly shared?: Bytes;
}

/**
 * Bytes of one direction, kept until the peer acknowledges them, so that another WebSocket can send them again. The end of the direction
 * occupies the position after the last byte.
 */
export class SendBuffer {
  /** Unacknowledged bytes; the first chunk starts at `#acknowledged`. */
  protected readonly chunks: Chunk[] = [];
  /** Chunk that contains or ends at the position `#sent`, and the offset in that chunk. */
  protected next: { chunk: number; offset: number } = { chunk: 0, offset: 0 };
  readonly #growth: BufferGrowth;
  #limit = INITIAL_SEND_BUFFER;
  #acknowledged = 0;
  #sent = 0;
  /** Position after the last byte. */
  #written = 0;
  #hasEnded = false;
  /** A sent position and its send time, for measuring the round trip. */
  #probe: { readonly position: number; readonly at: number; wasFull: boolean } | undefined;

  constructor(growth: BufferGrowth) {
    this.#growth = growth;
  }

  /** Number of bytes that can be written before the buffer is full. */
  get room(): number {
    return Math.max(0, this.#limit - this.buffered);
  }

  /** Number of unacknowledged bytes in memory. */
  get buffered(): number {
    return Math.max(0, this.#written - this.#acknowledged);
  }

  /** Number of written bytes that no message contains yet. */
  get unsent(): number {
    return Math.max(0, this.#written - this.#sent);
  }

  /** Whether the peer acknowledged all bytes and the end. */
  get isFinished(): boolean {
    return this.#hasEnded && this.#acknowledged === this.#written + 1;
  }

  /** Adds bytes; the buffer then owns them. Callers should stop while `room` is 0. A chunk larger than `room` is accepted whole. */
  write(bytes: Bytes): void {
    this.assertNotEnded();
    if (bytes.length > 0) this.chunks.push({ bytes });
    this.added(bytes.length);
  }

  /** Ends the direction after the written bytes. */
  end(): void {
    this.#hasEnded = true;
  }

  /** Returns the next DATA or END message, or `undefined` if all were sent. See `Tunnel.takeMessage`. */
  takeMessage(now: number, memory?: Bytes): Bytes | undefined {
    // A chunk can exceed the buffer, but sent bytes must not exceed the peer's limit.
    const allowed = this.#acknowledged + MAX_SEND_BUFFER - this.#sent;
    const message = this.takeEncoded(allowed) ?? this.#copyNext(Math.min(MAX_DATA_LENGTH, allowed), memory);
    if (message !== undefined) {
      this.#advance(message.length - 1, now);
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
    this.#probe = undefined;
    this.next = { chunk: 0, offset: 0 };
    // The end of the direction occupies a position, but no byte.
    this.moveNext(Math.min(position, this.#written) - this.#acknowledged);
  }

  /** Frees the bytes and returns this tunnel's growth to the shared budget. The buffer must not send afterwards. */
  release(): void {
    this.#acknowledged = Math.max(this.#acknowledged, this.#written);
    this.#growth.spare += this.#limit - INITIAL_SEND_BUFFER;
    this.#limit = INITIAL_SEND_BUFFER;
    this.chunks.length = 0;
  }

  protected assertNotEnded(): void {
    if (this.#hasEnded) throw new SshError("usage", "tunnel write after `end`");
  }

  /** Counts bytes that were added to `chunks`. */
  protected added(length: number): void {
    this.#written += length;
    if (this.room === 0 && this.#probe !== undefined) this.#probe.wasFull = true;
  }

  /**
   * Returns the encoded message that starts with the next byte, and moves `next` past its bytes. Returns `undefined` if the next bytes have
   * no encoded message, or if it has more than `allowed` bytes.
   */
  protected takeEncoded(_allowed: number): Bytes | undefined {
    return undefined;
  }

  /** Moves `next` by `length` bytes. It stays at the end of the last chunk, which may become longer. */
  protected moveNext(length: number): void {
    const { next } = this;
    next.offset += length;
    while (next.chunk < this.chunks.length - 1 && next.offset >= this.chunks[next.chunk]!.bytes.length) {
      next.offset -= this.chunks[next.chunk]!.bytes.length;
      next.chunk++;
    }
  }

  #check(position: number): void {
    // rule: tunnel-position
    if (position < this.#acknowledged || position > this.#sent)
      throw new SshError(
        "malformed-message",
        `tunnel position ${position} is outside ${this.#acknowledged} to ${this.#sent}`,
      );
  }

  /** Returns the length of the next copied message, at most `most`. Stops before a chunk that is already encoded. */
  #nextLength(most: number): number {
    let length = -this.next.offset;
    for (let at = this.next.chunk; at < this.chunks.length && length < most; at++) {
      const { bytes, message } = this.chunks[at]!;
      if (message !== undefined && at > this.next.chunk) break;
      length += bytes.length;
    }
    return Math.min(length, most);
  }

  /**
   * Returns a DATA message with the next bytes, at most `most` of them. Returns `undefined` if no bytes wait. The message is in `memory`,
   * or in new memory by default.
   */
  #copyNext(most: number, memory?: Bytes): Bytes | undefined {
    const length = this.#nextLength(most);
    if (length <= 0) return undefined;
    const message = (memory ?? new Uint8Array(1 + length)).subarray(0, 1 + length);
    message[0] = TUNNEL_MESSAGE.DATA;
    let filled = 1;
    while (filled < message.length) {
      const chunk = this.chunks[this.next.chunk]!.bytes;
      const part = chunk.subarray(this.next.offset, this.next.offset + message.length - filled);
      message.set(part, filled);
      filled += part.length;
      this.moveNext(part.length);
    }
    return message;
  }

  #advance(length: number, now: number): void {
    this.#sent += length;
    this.#probe ??= { position: this.#sent, at: now, wasFull: this.room === 0 };
  }

  #drop(position: number): void {
    let count = Math.min(position, this.#written) - this.#acknowledged;
    let dropped = 0;
    while (count > 0 && count >= this.chunks[dropped]!.bytes.length) {
      count -= this.chunks[dropped++]!.bytes.length;
    }
    this.chunks.splice(0, dropped);
    this.next.chunk -= dropped;
    if (this.next.chunk < 0) this.next = { chunk: 0, offset: 0 };
    if (count > 0) {
      const { bytes } = this.chunks[0]!;
      const rest = bytes.subarray(count);
      // Copy a small remainder, so that the memory of the whole chunk can be freed.
      this.chunks[0] = { bytes: 2 * rest.length < bytes.length ? copyBytes(rest) : rest };
      if (this.next.chunk === 0) this.next.offset -= count;
    }
    this.#acknowledged = position;
  }

  #grow(): void {
    const step = Math.min(this.#limit, MAX_SEND_BUFFER - this.#limit, this.#growth.spare);
    if (step <= 0) return;
    this.#growth.spare -= step;
    this.#limit += step;
  }
}
