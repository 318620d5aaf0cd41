import { bytesToBigInt, readUint32 } from "./bytes.ts";
import { SshError, type SshErrorCode } from "./errors.ts";
import { utf8Decode, utf8DecodeLossy } from "./text.ts";

/**
 * Reads the data types of RFC 4251 §5 from bytes, front to back. Every read names the field, so that an error says which
 * field of which structure failed, and at what offset. Nothing is allocated from a length that the bytes do not hold.
 */
export class Reader {
  /** What is being read, for error messages: `"SSH_MSG_KEXINIT"`. */
  readonly #what: string;
  readonly #bytes: Uint8Array;
  readonly #code: SshErrorCode;
  #offset: number;

  /** Reads `bytes`, which are neither changed nor copied: what `string` returns are views of them. */
  constructor(bytes: Uint8Array, what: string, options?: { readonly code?: SshErrorCode; readonly offset?: number }) {
    this.#bytes = bytes;
    this.#what = what;
    this.#code = options?.code ?? "malformed-message";
    this.#offset = options?.offset ?? 0;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  /** Reads one byte. */
  byte(field: string): number {
    this.#need(1, field);
    return this.#bytes[this.#offset++]!;
  }

  /** RFC 4251 §5: every non-zero value means true. */
  boolean(field: string): boolean {
    return this.byte(field) !== 0;
  }

  /** Reads four bytes, big-endian. */
  uint32(field: string): number {
    this.#need(4, field);
    this.#offset += 4;
    return readUint32(this.#bytes, this.#offset - 4);
  }

  /** Reads eight bytes, big-endian. */
  uint64(field: string): bigint {
    const high = this.uint32(field);
    return (BigInt(high) << 32n) | BigInt(this.uint32(field));
  }

  /** `length` bytes as they stand: a view. */
  raw(length: number, field: string): Uint8Array {
    this.#need(length, field);
    const view = this.#bytes.subarray(this.#offset, this.#offset + length);
    this.#offset += length;
    return view;
  }

  /** A `string`: a view of its bytes. */
  string(field: string): Uint8Array {
    const length = this.uint32(field);
    if (length > this.remaining) {
      this.#offset -= 4;
      this.fail(field, `says ${length} bytes where ${this.remaining - 4} are left`);
    }
    return this.raw(length, field);
  }

  /** A `string` that must be well-formed UTF-8. */
  utf8(field: string): string {
    const bytes = this.string(field);
    return utf8Decode(bytes) ?? this.fail(field, "is not valid UTF-8");
  }

  /**
   * A `string` that only people read: bytes that are not UTF-8 become U+FFFD. Keeps the first `maxLength` bytes and marks what was cut
   * with an ellipsis; by default 1024, since a reason is a sentence: callers can show it without a bound of their own.
   */
  text(field: string, maxLength = 1024): string {
    const bytes = this.string(field);
    // rule: remark-length
    if (bytes.length <= maxLength) return utf8DecodeLossy(bytes);
    let end = maxLength;
    // Not in the middle of a character.
    while (end > maxLength - 3 && (bytes[end]! & 0xc0) === 0x80) end--;
    return `${utf8DecodeLossy(bytes.subarray(0, end))}…`;
  }

  /** A `string` of printable US-ASCII: the names of methods, algorithms and requests (RFC 4251 §6). */
  name(field: string): string {
    return this.#ascii(this.string(field), field);
  }

  /** A `name-list`: names parted by commas; an empty string is an empty list (RFC 4251 §5). */
  nameList(field: string): string[] {
    const text = this.name(field);
    if (text === "") return [];
    const names = text.split(",");
    if (names.includes("")) this.fail(field, "has an empty name in its list");
    return names;
  }

  /** An `mpint`: two's complement, most significant byte first. Needless leading bytes are refused (RFC 4251 §5). */
  mpint(field: string): bigint {
    const bytes = this.string(field);
    const first = bytes[0];
    if (first === undefined) return 0n;
    const second = bytes[1];
    const needless =
      first === 0x00 ? second === undefined || second < 0x80 : first === 0xff && second !== undefined && second >= 0x80;
    if (needless) this.fail(field, "is an mpint with needless leading bytes");
    const value = bytesToBigInt(bytes);
    return first < 0x80 ? value : value - (1n << BigInt(8 * bytes.length));
  }

  /** Returns the remaining bytes, as a view. */
  rest(): Uint8Array {
    return this.raw(this.remaining, "rest");
  }

  /** Must be called last: trailing bytes are an error. */
  end(): void {
    if (this.remaining > 0) this.fail("end", `is followed by ${this.remaining} bytes too many`);
  }

  /** Throws the error for a field whose value cannot be. */
  fail(field: string, problem: string): never {
    throw new SshError(this.#code, `${this.#what}: ${field} at offset ${this.#offset} ${problem}`);
  }

  #need(length: number, field: string): void {
    if (length > this.remaining) this.fail(field, `needs ${length} bytes where ${this.remaining} are left`);
  }

  #ascii(bytes: Uint8Array, field: string): string {
    let text = "";
    for (const byte of bytes) {
      if (byte < 0x21 || byte > 0x7e) this.fail(field, "is not printable US-ASCII");
      text += String.fromCharCode(byte);
    }
    return text;
  }
}
