import { bigIntToBytes, bytesToBigInt, concatBytes, SshError } from "@nacre/wire";

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const NULL = 0x05;
const OID = 0x06;
const SEQUENCE = 0x30;
/** Constructed context-specific tag: `[0]` is 0xa0. */
const CONTEXT = 0xa0;
const PRIMITIVE_CONTEXT = 0x80;

const TAG_NAMES: ReadonlyMap<number, string> = /* @__PURE__ */ new Map([
  [INTEGER, "INTEGER"],
  [BIT_STRING, "BIT STRING"],
  [OCTET_STRING, "OCTET STRING"],
  [NULL, "NULL"],
  [OID, "OBJECT IDENTIFIER"],
  [SEQUENCE, "SEQUENCE"],
]);

/**
 * Strict sequential reader for DER (X.690 §8, §10), limited to the types in private keys. Lengths and integers must have their shortest
 * form. Methods throw `file-malformed` with the field's name. Results are views of the input.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  #offset = 0;

  /** `what` is the name of the structure in errors, such as `"PKCS#1"`. */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  /** Whether all bytes are read. */
  get done(): boolean {
    return this.#offset === this.#bytes.length;
  }

  sequence(field: string): DerReader {
    return new DerReader(this.#value(SEQUENCE, field), `${this.#what}.${field}`);
  }

  /** Reads a non-negative INTEGER of any size. Private keys contain no negative integers. */
  integer(field: string): bigint {
    const value = this.#value(INTEGER, field);
    if (value.length === 0 || (value[0] === 0 && value.length > 1 && value[1]! < 0x80))
      this.fail(field, "is not an INTEGER in its shortest form");
    if (value[0]! >= 0x80) this.fail(field, "is a negative INTEGER");
    return bytesToBigInt(value);
  }

  /** Reads an INTEGER in 0…`most`. */
  number(field: string, most: number): number {
    const value = this.integer(field);
    if (value > BigInt(most)) this.fail(field, `is ${shown(value)}, but the maximum is ${most}`);
    return Number(value);
  }

  octets(field: string): Uint8Array {
    return this.#value(OCTET_STRING, field);
  }

  /** Reads a BIT STRING of whole bytes. */
  bits(field: string): Uint8Array {
    return this.#wholeBytes(this.#value(BIT_STRING, field), field);
  }

  /** Reads a BIT STRING with the implicit tag `[number]`. Returns `undefined` if the next value has another tag or is missing. */
  implicitBits(number: number, field: string): Uint8Array | undefined {
    if (!this.nextIs(PRIMITIVE_CONTEXT | number)) return undefined;
    return this.#wholeBytes(this.#value(PRIMITIVE_CONTEXT | number, field), field);
  }

  null(field: string): void {
    if (this.#value(NULL, field).length !== 0) this.fail(field, "is a NULL with content");
  }

  /** Reads an OBJECT IDENTIFIER and returns its dotted form. */
  oid(field: string): string {
    const value = this.#value(OID, field);
    const arcs: number[] = [];
    let arc = 0;
    let fresh = true;
    for (const byte of value) {
      if ((fresh && byte === 0x80) || arc > 0xff_ffff) this.fail(field, "is not a well-formed OBJECT IDENTIFIER");
      arc = arc * 128 + (byte & 0x7f);
      fresh = byte < 0x80;
      if (!fresh) continue;
      if (arcs.length === 0) {
        const first = Math.min(2, Math.floor(arc / 40));
        arcs.push(first, arc - 40 * first);
      } else {
        arcs.push(arc);
      }
      arc = 0;
    }
    if (!fresh || arcs.length === 0) this.fail(field, "is not a well-formed OBJECT IDENTIFIER");
    return arcs.join(".");
  }

  /** Returns a reader for the content of an explicit `[number]`, or `undefined` if the next value has another tag or is missing. */
  explicit(number: number, field: string): DerReader | undefined {
    if (!this.nextIs(CONTEXT | number)) return undefined;
    return new DerReader(this.#value(CONTEXT | number, field), `${this.#what}.${field}`);
  }

  nextIs(tag: number): boolean {
    return this.#bytes[this.#offset] === tag;
  }

  /** Throws `file-malformed` if bytes are left over. Call it last. */
  end(): void {
    if (!this.done) this.fail("trailing data", `(${this.#bytes.length - this.#offset} bytes)`);
  }

  fail(field: string, problem: string): never {
    throw new SshError("file-malformed", `${this.#what}: ${field} at offset ${this.#offset} ${problem}`);
  }

  #wholeBytes(value: Uint8Array, field: string): Uint8Array {
    if (value[0] !== 0) this.fail(field, "is not a BIT STRING of whole bytes");
    return value.subarray(1);
  }

  #value(tag: number, field: string): Uint8Array {
    const bytes = this.#bytes;
    const found = bytes[this.#offset];
    if (found === undefined) this.fail(field, "is missing");
    if (found !== tag) this.fail(field, `is ${tagName(found)}, expected ${tagName(tag)}`);
    let at = this.#offset + 1;
    let length = bytes[at++] ?? this.fail(field, "has no length");
    if (length >= 0x80) {
      const size = length & 0x7f;
      // Four length bytes exceed any allowed file size. Size 0 is BER's indefinite form, which DER forbids.
      if (size === 0 || size > 4 || at + size > bytes.length) this.fail(field, "has a length that is not valid DER");
      length = 0;
      for (let i = 0; i < size; i++) length = length * 256 + bytes[at++]!;
      if (length < 0x80 || length < 256 ** (size - 1))
        this.fail(field, "has a length that is not in its shortest form");
    }
    if (length > bytes.length - at) this.fail(field, `declares ${length} bytes, but only ${bytes.length - at} left`);
    this.#offset = at + length;
    return bytes.subarray(at, at + length);
  }
}

/** Returns whether the bytes are one DER SEQUENCE, judged by tag and length only. Distinguishes a correct passphrase from a wrong one. */
export function looksLikeSequence(bytes: Uint8Array): boolean {
  const size = bytes[1] === undefined || bytes[1] < 0x80 ? 0 : bytes[1] & 0x7f;
  if (bytes[0] !== SEQUENCE || size > 4 || bytes.length < 2 + size) return false;
  let length = size === 0 ? bytes[1]! : 0;
  for (let i = 0; i < size; i++) length = length * 256 + bytes[2 + i]!;
  return length === bytes.length - 2 - size;
}

function tagName(tag: number): string {
  return TAG_NAMES.get(tag) ?? (tag >= CONTEXT && tag < 0xc0 ? `[${tag - CONTEXT}]` : `tag 0x${tag.toString(16)}`);
}

function shown(value: bigint): string {
  return value < 1n << 64n ? String(value) : `a number of ${value.toString(2).length} bits`;
}

/** DER encoders. Each returns one value with its tag and length. */
export const der = {
  sequence: (...parts: readonly Uint8Array[]): Uint8Array => tagged(SEQUENCE, ...parts),
  explicit: (number: number, ...parts: readonly Uint8Array[]): Uint8Array => tagged(CONTEXT | number, ...parts),
  octets: (bytes: Uint8Array): Uint8Array => tagged(OCTET_STRING, bytes),
  bits: (bytes: Uint8Array): Uint8Array => tagged(BIT_STRING, Uint8Array.of(0), bytes),
  null: (): Uint8Array => tagged(NULL),
  /** Encodes a non-negative INTEGER. */
  integer(value: bigint | number): Uint8Array {
    const bytes = bigIntToBytes(BigInt(value));
    return tagged(INTEGER, (bytes[0] ?? 0x80) >= 0x80 ? Uint8Array.of(0) : new Uint8Array(), bytes);
  },
  oid(dotted: string): Uint8Array {
    const [first, second, ...rest] = dotted.split(".").map(Number);
    const bytes = [40 * first! + second!, ...rest].flatMap((arc) => {
      const digits = [arc & 0x7f];
      for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
        digits.unshift(0x80 | (left & 0x7f));
      return digits;
    });
    return tagged(OID, Uint8Array.from(bytes));
  },
} as const;

function tagged(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const content = concatBytes(...parts);
  if (content.length < 0x80) return concatBytes(Uint8Array.of(tag, content.length), content);
  const length = bigIntToBytes(BigInt(content.length));
  return concatBytes(Uint8Array.of(tag, 0x80 | length.length), length, content);
}
