import { type Bytes, bigIntToBytes } from "./bytes.ts";
import { SshError } from "./errors.ts";
import { utf8Encode } from "./text.ts";

/** Writes the data types of RFC 4251 §5, front to back, into an array that grows as needed. All methods except `finish` return `this`. */
export class Writer {
  #bytes: Bytes;
  #length = 0;

  /** `capacity`: initial size of the array in bytes; a good estimate avoids copying. */
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

  /** Writes a uint32: four bytes, big-endian. Throws `internal` if the value does not fit. */
  uint32(value: number): this {
    if (!(Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff))
      throw new SshError("internal", `expected a uint32, got ${value}`);
    this.#reserve(4);
    const o = this.#length;
    this.#bytes[o] = value >>> 24;
    this.#bytes[o + 1] = value >>> 16;
    this.#bytes[o + 2] = value >>> 8;
    this.#bytes[o + 3] = value;
    this.#length = o + 4;
    return this;
  }

  /** Writes a uint64: eight bytes, big-endian. Throws `internal` if the value does not fit. */
  uint64(value: bigint): this {
    if (value < 0n || value > 0xffff_ffff_ffff_ffffn) throw new SshError("internal", `expected a uint64, got ${value}`);
    return this.uint32(Number(value >> 32n)).uint32(Number(value & 0xffff_ffffn));
  }

  /** Writes bytes without a length field. */
  raw(bytes: Uint8Array): this {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
    return this;
  }

  /** Writes a `string`: its length, then its bytes. Encodes text as UTF-8. */
  string(value: Uint8Array | string): this {
    const bytes = typeof value === "string" ? utf8Encode(value) : value;
    return this.uint32(bytes.length).raw(bytes);
  }

  /** Writes a `name-list` (RFC 4251 §5). */
  nameList(names: readonly string[]): this {
    return this.string(names.join(","));
  }

  /** Writes an `mpint` in its shortest two's complement form (RFC 4251 §5). */
  mpint(value: bigint): this {
    if (value >= 0n) return this.mpintBytes(bigIntToBytes(value));
    // The sign needs one bit in addition to the bits of the complement.
    const bits = value === -1n ? 0 : (~value).toString(2).length;
    const size = Math.floor(bits / 8) + 1;
    return this.string(bigIntToBytes((1n << BigInt(8 * size)) + value, size));
  }

  /** Writes unsigned big-endian bytes, such as a shared secret, as an `mpint`. Leading zeros are allowed (RFC 8731 §3.1). */
  mpintBytes(bytes: Uint8Array): this {
    let start = 0;
    while (bytes[start] === 0) start++;
    const magnitude = bytes.subarray(start);
    const sign = (magnitude[0] ?? 0) >= 0x80 ? 1 : 0;
    this.uint32(magnitude.length + sign);
    if (sign === 1) this.byte(0);
    return this.raw(magnitude);
  }

  /** Drops the written bytes, and keeps their memory for the next ones. */
  clear(): this {
    this.#length = 0;
    return this;
  }

  /** The written bytes as a view, valid until the next call of a method. */
  get written(): Bytes {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Returns the written bytes as a new array. Later writes do not change it. */
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
