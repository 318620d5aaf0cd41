import { bytesToBigInt, readUint32 } from "./bytes.ts";
import { SshError, type SshErrorCode } from "./errors.ts";
import { utf8Decode, utf8DecodeLossy } from "./text.ts";

/**
 * Reads the data types of RFC 4251 §5 from bytes, front to back. Each method takes the field's name, so that errors name the
 * structure, the field and the offset. Checks each length against the remaining bytes before it allocates.
 */
export class Reader {
  /** Name of the structure, for error messages: `"SSH_MSG_KEXINIT"`. */
  readonly #what: string;
  readonly #bytes: Uint8Array;
  readonly #code: SshErrorCode;
  #offset: number;

  /** Reads `bytes` from `offset` (default 0) without copying them. Errors have the given `code` (default `malformed-message`). */
  constructor(bytes: Uint8Array, what: string, options?: { readonly code?: SshErrorCode; readonly offset?: number }) {
    this.#bytes = bytes;
    this.#what = what;
    this.#code = options?.code ?? "malformed-message";
    this.#offset = options?.offset ?? 0;
  }

  /** Number of unread bytes. */
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  /** Reads one byte. */
  byte(field: string): number {
    this.#need(1, field);
    return this.#bytes[this.#offset++]!;
  }

  /** Reads one byte; any non-zero value is true (RFC 4251 §5). */
  boolean(field: string): boolean {
    return this.byte(field) !== 0;
  }

  /** Reads a uint32: four bytes, big-endian. */
  uint32(field: string): number {
    this.#need(4, field);
    this.#offset += 4;
    return readUint32(this.#bytes, this.#offset - 4);
  }

  /** Reads a uint64: eight bytes, big-endian. */
  uint64(field: string): bigint {
    const high = this.uint32(field);
    return (BigInt(high) << 32n) | BigInt(this.uint32(field));
  }

  /** Reads `length` bytes as a view. */
  raw(length: number, field: string): Uint8Array {
    this.#need(length, field);
    const view = this.#bytes.subarray(this.#offset, this.#offset + length);
    this.#offset += length;
    return view;
  }

  /** Reads a `string` as a view of its bytes. */
  string(field: string): Uint8Array {
    const length = this.uint32(field);
    if (length > this.remaining) {
      this.#offset -= 4;
      this.fail(field, `declares ${length} bytes, but only ${this.remaining - 4} left`);
    }
    return this.raw(length, field);
  }

  /** Reads a `string` that must be well-formed UTF-8. */
  utf8(field: string): string {
    const bytes = this.string(field);
    return utf8Decode(bytes) ?? this.fail(field, "is not valid UTF-8");
  }

  /**
   * Reads a `string` intended for people. Invalid UTF-8 becomes U+FFFD. Text longer than `maxLength` bytes (default 1024) is truncated and
   * ends with an ellipsis, so callers need no limit of their own.
   */
  text(field: string, maxLength = 1024): string {
    const bytes = this.string(field);
    // rule: remark-length
    if (bytes.length <= maxLength) return utf8DecodeLossy(bytes);
    let end = maxLength;
    // Do not cut within a character.
    while (end > maxLength - 3 && (bytes[end]! & 0xc0) === 0x80) end--;
    return `${utf8DecodeLossy(bytes.subarray(0, end))}…`;
  }

  /** Reads a `string` of printable US-ASCII, such as the name of a method, algorithm or request (RFC 4251 §6). */
  name(field: string): string {
    return this.#ascii(this.string(field), field);
  }

  /** Reads a `name-list`: names separated by commas. An empty string is an empty list (RFC 4251 §5). */
  nameList(field: string): string[] {
    const text = this.name(field);
    if (text === "") return [];
    const names = text.split(",");
    if (names.includes("")) this.fail(field, "contains an empty name");
    return names;
  }

  /** Reads an `mpint`: two's complement, most significant byte first. Rejects unnecessary leading bytes (RFC 4251 §5). */
  mpint(field: string): bigint {
    const bytes = this.string(field);
    const first = bytes[0];
    if (first === undefined) return 0n;
    const second = bytes[1];
    const needless =
      first === 0x00 ? second === undefined || second < 0x80 : first === 0xff && second !== undefined && second >= 0x80;
    if (needless) this.fail(field, "is an mpint with unnecessary leading bytes");
    const value = bytesToBigInt(bytes);
    return first < 0x80 ? value : value - (1n << BigInt(8 * bytes.length));
  }

  /** Reads all remaining bytes as a view. */
  rest(): Uint8Array {
    return this.raw(this.remaining, "rest");
  }

  /** Throws if bytes remain. Call it last. */
  end(): void {
    if (this.remaining > 0) this.fail("trailing data", `(${this.remaining} bytes)`);
  }

  /** Throws the error for an invalid field. `problem` completes the sentence: `"is not valid UTF-8"`. */
  fail(field: string, problem: string): never {
    throw new SshError(this.#code, `${this.#what}: ${field} at offset ${this.#offset} ${problem}`);
  }

  #need(length: number, field: string): void {
    if (length > this.remaining) this.fail(field, `needs ${length} bytes, but only ${this.remaining} left`);
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
