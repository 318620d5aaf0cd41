import { type Bytes, copyBytes, SshError } from "@nacre/wire";
import { INITIAL_SEND_BUFFER, MAX_DATA_LENGTH, MAX_SEND_BUFFER } from "./limits.ts";
import { TUNNEL_MESSAGE } from "./messages.ts";

/** Bytes by which the send buffers of several tunnels together may still grow beyond their initial size. */
export interface BufferGrowth {
  spare: number;
}

/** On a shorter path, in milliseconds, the initial buffer carries 100 MB/s. */
const SHORT_PATH = 10;

/** A chunk of at least this many bytes that is a message already is sent as it is; smaller ones share messages. */
const LARGE_CHUNK = 16 * 1024;

interface Chunk {
  readonly bytes: Bytes;
  /** The bytes behind a DATA number, in the same memory. */
  readonly message: Bytes | undefined;
}

/**
 * One direction's bytes, from the position that the peer has acknowledged. It keeps them until then, so that they can be sent again on another
 * WebSocket. The end of the direction takes the position behind the last byte.
 */
export class SendBuffer {
  readonly #growth: BufferGrowth;
  /** Kept bytes; the first begins at `#acknowledged`. */
  readonly #chunks: Chunk[] = [];
  #limit = INITIAL_SEND_BUFFER;
  #acknowledged = 0;
  #sent = 0;
  /** Position behind the last byte. */
  #written = 0;
  #hasEnded = false;
  /** Chunk that holds the position `#sent`, and the offset in it. */
  #next = { chunk: 0, offset: 0 };
  /** A sent position, and when it was sent: measures the round trip. */
  #probe: { readonly position: number; readonly at: number; wasFull: boolean } | undefined;

  constructor(growth: BufferGrowth) {
    this.#growth = growth;
  }

  /** Bytes that can be written before the buffer is full. */
  get room(): number {
    return Math.max(0, this.#limit - this.buffered);
  }

  /** Bytes in memory. */
  get buffered(): number {
    return Math.max(0, this.#written - this.#acknowledged);
  }

  /** Whether everything written, the end included, was acknowledged after the end. */
  get isFinished(): boolean {
    return this.#hasEnded && this.#acknowledged === this.#written + 1;
  }

  /** Adds bytes, which belong to the buffer from then on. The caller stops while there is no room; a chunk that exceeds the room is taken whole. */
  write(bytes: Bytes): void {
    this.#add({ bytes, message: undefined });
  }

  /** Adds the bytes of a DATA message. If they are many, the message itself is sent, and not a copy. */
  writeMessage(message: Bytes): void {
    const bytes = message.subarray(1);
    this.#add({ bytes, message: bytes.length >= LARGE_CHUNK ? message : undefined });
  }

  #add(chunk: Chunk): void {
    if (this.#hasEnded) throw new SshError("internal", "bytes after the end of a tunnel's direction");
    if (chunk.bytes.length === 0) return;
    this.#chunks.push(chunk);
    this.#written += chunk.bytes.length;
    if (this.room === 0 && this.#probe !== undefined) this.#probe.wasFull = true;
  }

  /** Ends the direction. */
  end(): void {
    this.#hasEnded = true;
  }

  /** Returns the next DATA or END message, or `undefined` if everything was sent. `now` in milliseconds. */
  takeMessage(now: number): Bytes | undefined {
    // A chunk may exceed the buffer; what is sent never exceeds what the peer allows.
    const allowed = this.#acknowledged + MAX_SEND_BUFFER - this.#sent;
    const whole = this.#wholeMessage(allowed, now);
    if (whole !== undefined) return whole;
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

  /** Forgets the bytes before `position`, and perhaps grows. Throws `malformed-message` if the peer cannot have received them. */
  acknowledge(position: number, now: number): void {
    this.#check(position);
    this.#drop(position);
    const probe = this.#probe;
    if (probe === undefined || position < probe.position) return;
    this.#probe = undefined;
    if (probe.wasFull && now - probe.at >= SHORT_PATH) this.#grow();
  }

  /** Sends again from `position`, which the peer has received. Throws `malformed-message` if that cannot be. */
  rewind(position: number): void {
    this.#check(position);
    this.#sent = position;
    this.#probe = undefined;
    let offset = position - this.#acknowledged;
    let chunk = 0;
    for (; chunk < this.#chunks.length && offset >= this.#chunks[chunk]!.bytes.length; chunk++)
      offset -= this.#chunks[chunk]!.bytes.length;
    // Behind the last byte the end remains, if anything.
    this.#next = { chunk, offset: chunk < this.#chunks.length ? offset : 0 };
  }

  /** Frees the bytes, and lets other tunnels grow by this one's share. Nothing may be sent any more. */
  release(): void {
    this.#acknowledged = Math.max(this.#acknowledged, this.#written);
    this.#growth.spare += this.#limit - INITIAL_SEND_BUFFER;
    this.#limit = INITIAL_SEND_BUFFER;
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

  /** The next chunk's own message, if nothing of it was sent. */
  #wholeMessage(allowed: number, now: number): Bytes | undefined {
    const { chunk, offset } = this.#next;
    const { bytes, message } = this.#chunks[chunk] ?? {};
    if (bytes === undefined || message === undefined || offset > 0 || bytes.length > allowed) return undefined;
    this.#next = { chunk: chunk + 1, offset: 0 };
    this.#advance(bytes.length, now);
    return message;
  }

  /** Bytes of the next message, at most `most`: up to a chunk that is a message already. */
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
      this.#next.offset += part.length;
      if (this.#next.offset === chunk.length) this.#next = { chunk: this.#next.chunk + 1, offset: 0 };
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
    while (count > 0 && count >= this.#chunks[dropped]!.bytes.length) count -= this.#chunks[dropped++]!.bytes.length;
    this.#chunks.splice(0, dropped);
    this.#next.chunk -= dropped;
    if (count > 0) {
      // A copy when little of it is left, so that the rest of its memory is free.
      const { bytes } = this.#chunks[0]!;
      const rest = bytes.subarray(count);
      this.#chunks[0] = { bytes: 2 * rest.length < bytes.length ? copyBytes(rest) : rest, message: undefined };
      if (this.#next.chunk === 0) this.#next.offset -= count;
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
