import { type Bytes, SshError } from "@nacre/wire";

/** Initial size of the buffer. */
const INITIAL_SIZE = 4 * 1024;

/** A buffer up to this size is kept when it is empty. */
const KEPT_SIZE = 64 * 1024;

/** Packets that wait to be sent, each after its length field, in one buffer that is used again when they are sent. */
export class OutputBuffer {
  #bytes: Bytes = new Uint8Array(0);
  #start = 0;
  #end = 0;

  /** Number of unsent bytes. */
  get length(): number {
    return this.#end - this.#start;
  }

  /** Size of the buffer in memory. */
  get size(): number {
    return this.#bytes.length;
  }

  /** A view of the unsent bytes, valid until the next call of a method. */
  get unsent(): Bytes {
    return this.#bytes.subarray(this.#start, this.#end);
  }

  /** Drops the first `length` unsent bytes. Throws `usage` if there are fewer. */
  sent(length: number): void {
    if (!(Number.isInteger(length) && length >= 0 && length <= this.length))
      throw new SshError("usage", `${length} bytes reported as sent, but ${this.length} wait to be sent`);
    this.#start += length;
    if (this.#start < this.#end) return;
    // A bulk transfer uses its large buffer again and again. Release it once a batch needs only a small part of it.
    if (this.#bytes.length > KEPT_SIZE && this.#end < this.#bytes.length / 8) this.#bytes = new Uint8Array(0);
    this.#start = 0;
    this.#end = 0;
  }

  /** Drops all bytes. */
  clear(): void {
    this.#bytes = new Uint8Array(0);
    this.#start = 0;
    this.#end = 0;
  }

  /** Adds a packet. Copies it. */
  packet(packet: Uint8Array): void {
    this.begin(packet.length).raw(packet);
  }

  /** Begins a packet of `length` bytes. The caller then adds exactly that many with the other methods. */
  begin(length: number): this {
    this.#reserve(4 + length);
    return this.uint32(length);
  }

  byte(value: number): this {
    this.#bytes[this.#end++] = value;
    return this;
  }

  uint32(value: number): this {
    return this.byte(value >>> 24)
      .byte(value >>> 16)
      .byte(value >>> 8)
      .byte(value);
  }

  /** Adds a safe integer as a uint64. */
  uint64(value: number): this {
    return this.uint32(Math.floor(value / 0x1_0000_0000)).uint32(value % 0x1_0000_0000);
  }

  raw(bytes: Uint8Array): this {
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.length;
    return this;
  }

  string(bytes: Uint8Array): this {
    return this.uint32(bytes.length).raw(bytes);
  }

  #reserve(more: number): void {
    const needed = this.length + more;
    if (this.#end + more <= this.#bytes.length) return;
    const unsent = this.unsent;
    if (needed > this.#bytes.length)
      this.#bytes = new Uint8Array(Math.max(needed, 2 * this.#bytes.length, INITIAL_SIZE));
    this.#bytes.set(unsent, 0);
    this.#end = unsent.length;
    this.#start = 0;
  }
}
