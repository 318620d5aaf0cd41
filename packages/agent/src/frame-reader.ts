import { type Bytes, readUint32, SshError } from "@nacre/wire";
import { MAX_MESSAGE_LENGTH } from "./constants.ts";

/** Bytes of the length field before each message. */
const LENGTH_FIELD = 4;

/** An empty buffer up to this size is kept. */
const KEPT_SIZE = 16 * 1024;

/** Splits a byte stream into messages: a uint32 length, then that many bytes (RFC 9987 §3.1). */
export class FrameReader {
  #bytes: Bytes = new Uint8Array(0);
  #start = 0;
  #end = 0;

  /** Number of received bytes that no message has taken. */
  get held(): number {
    return this.#end - this.#start;
  }

  /** Whether a message of the maximum length would be complete. Then take messages before you push more. */
  get isFull(): boolean {
    return this.held >= LENGTH_FIELD + MAX_MESSAGE_LENGTH;
  }

  /** Adds received bytes. Copies them. */
  push(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#bytes.length) {
      const kept = this.#bytes;
      const needed = this.held + bytes.length;
      // Grow by what arrived, not by what the peer announced.
      this.#bytes = new Uint8Array(Math.max(needed, 2 * this.held));
      this.#bytes.set(kept.subarray(this.#start, this.#end));
      kept.fill(0);
      this.#end = this.held;
      this.#start = 0;
    }
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** Returns the next message, or `undefined` until it is complete. Throws `packet-length` if it is empty or too long. */
  next(): Bytes | undefined {
    if (this.held < LENGTH_FIELD) return undefined;
    const length = readUint32(this.#bytes, this.#start);
    // rule: agent-empty-message
    if (length === 0) throw new SshError("packet-length", "an agent message without a type");
    // rule: agent-message-length
    if (length > MAX_MESSAGE_LENGTH)
      throw new SshError("packet-length", `an agent message of ${length} bytes; the limit is ${MAX_MESSAGE_LENGTH}`);
    const end = this.#start + LENGTH_FIELD + length;
    if (end > this.#end) return undefined;
    const message = this.#bytes.slice(this.#start + LENGTH_FIELD, end);
    // A message may hold a private key.
    this.#bytes.fill(0, this.#start, end);
    this.#start = end;
    if (this.#start === this.#end) this.#empty();
    return message;
  }

  /** Drops all bytes. */
  clear(): void {
    this.#bytes.fill(0);
    this.#empty();
  }

  #empty(): void {
    if (this.#bytes.length > KEPT_SIZE) this.#bytes = new Uint8Array(0);
    this.#start = 0;
    this.#end = 0;
  }
}
