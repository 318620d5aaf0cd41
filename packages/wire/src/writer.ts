import { type Bytes, bigIntToBytes } from "./bytes.ts";
import { SshError } from "./errors.ts";
import { utf8Encode } from "./text.ts";

/** Writes the data types of RFC 4251 §5, front to back, into an array that grows as needed. Methods return `this`. */
export class Writer {
  #bytes: Bytes;
  #length = 0;

  /** `capacity`: bytes to reserve at first; a right guess saves copying. */
  constructor(capacity = 128) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** Writes one byte. */
  byte(value: number): this {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  /** Writes one byte: 1 or 0. */
  boolean(value: boolean): this {
    return this.byte(value ? 1 : 0);
  }

  /** Writes four bytes, big-endian. Throws `internal` if the value does not fit. */
  uint32(value: number): this {
    if (!(Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff))
      throw new SshError("internal", `${value} is no uint32`);
    this.#reserve(4);
    const o = this.#length;
    this.#bytes[o] = value >>> 24;
    this.#bytes[o + 1] = value >>> 16;
    this.#bytes[o + 2] = value >>> 8;
    this.#bytes[o + 3] = value;
    this.#length = o + 4;
    return this;
  }

  /** Writes eight bytes, big-endian. Throws `internal` if the value does not fit. */
  uint64(value: bigint): this {
    if (value < 0n || value > 0xffff_ffff_ffff_ffffn) throw new SshError("internal", `${value} is no uint64`);
    return this.uint32(Number(value >> 32n)).uint32(Number(value & 0xffff_ffffn));
  }

  /** Bytes as they stand, without a length. */
  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** A `string`: its length and its bytes; text is written as UTF-8. */
  string(value: Uint8Array | string): this {
    const bytes = typeof value === "string" ? utf8Encode(value) : value;
    return this.uint32(bytes.length).raw(bytes);
  }

  /** A `name-list` (RFC 4251 §5). */
  nameList(names: readonly string[]): this {
    return this.string(names.join(","));
  }

  /** An `mpint` in its shortest two's complement form (RFC 4251 §5). */
  mpint(value: bigint): this {
    if (value >= 0n) return this.mpintBytes(bigIntToBytes(value));
    // The sign takes one bit more than the complement's magnitude.
    const bits = value === -1n ? 0 : (~value).toString(2).length;
    const size = Math.floor(bits / 8) + 1;
    return this.string(bigIntToBytes((1n << BigInt(8 * size)) + value, size));
  }

  /** A non-negative `mpint` given as unsigned big-endian bytes, leading zeros allowed: the shape of a shared secret (RFC 8731 §3.1). */
  mpintBytes(bytes: Uint8Array): this {
    let start = 0;
    while (bytes[start] === 0) start++;
    const magnitude = bytes.subarray(start);
    const sign = (magnitude[0] ?? 0) >= 0x80 ? 1 : 0;
    this.uint32(magnitude.length + sign);
    if (sign === 1) this.byte(0);
    return this.raw(magnitude);
  }

  /** What was written: a fresh array of its own, which later writes do not change. */
  finish(): Bytes {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
