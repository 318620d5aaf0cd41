import { readUint32 } from "@nacre/wire";
import { sortedOffsets } from "./records.ts";

/** Types of the sections that hold serial numbers (OpenSSH PROTOCOL.krl). */
export const SERIAL_LIST = 0x20;
export const SERIAL_RANGE = 0x21;
export const SERIAL_BITMAP = 0x22;

/** First and last serial number of a range, both included. */
export type SerialRange = readonly [first: bigint, last: bigint];

const MAX_UINT64 = 0xffff_ffff_ffff_ffffn;
/** Length of a section's head: type and length. */
const HEAD = 5;

/**
 * Serial numbers that stand in the sections of a revocation list. Keeps the offsets of the sections and expands none: a bitmap of 64 KiB
 * stands for half a million numbers.
 */
export class SerialSet {
  readonly #bytes: Uint8Array;
  /** Offsets of the sections, by their first number. */
  readonly #sections: Uint32Array;
  /** Greatest number of each section and all before it, since sections may overlap. */
  readonly #reach: BigUint64Array;

  /** `sections` are the offsets of sections that {@link checkSerials} accepted, in any order. */
  constructor(bytes: Uint8Array, sections: readonly number[]) {
    this.#bytes = bytes;
    this.#sections = sortedOffsets(sections, (a, b) => compareUint64(bytes, a + HEAD, b + HEAD));
    this.#reach = new BigUint64Array(sections.length);
    let reach = 0n;
    this.#sections.forEach((section, index) => {
      const last = lastSerial(bytes, section);
      if (last > reach) reach = last;
      this.#reach[index] = reach;
    });
  }

  /** Returns whether the serial number is in the set. */
  has(serial: bigint): boolean {
    let low = 0;
    for (let high = this.#sections.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if (readUint64(this.#bytes, this.#sections[middle]! + HEAD) <= serial) low = middle + 1;
      else high = middle;
    }
    for (let index = low - 1; index >= 0 && this.#reach[index]! >= serial; index--)
      if (sectionHas(this.#bytes, this.#sections[index]!, serial)) return true;
    return false;
  }

  /** Yields the numbers as ranges, section by section; ranges of different sections may overlap. */
  *[Symbol.iterator](): Generator<SerialRange> {
    for (const section of this.#sections) yield* sectionRanges(this.#bytes, section);
  }
}

/**
 * Checks a section with serial numbers at `section`, and sorts a list in place. Returns whether it has any number, or a description of
 * the problem.
 */
export function checkSerials(bytes: Uint8Array, section: number): boolean | string {
  const length = readUint32(bytes, section + 1);
  const start = section + HEAD;
  switch (bytes[section]) {
    case SERIAL_LIST:
      if (length % 8 !== 0) return "is a list of serial numbers with a part of one";
      sortSerials(bytes, start, start + length);
      break;
    case SERIAL_RANGE:
      if (length !== 16) return "is a range of serial numbers with more or less than two of them";
      // rule: krl-range
      if (readUint64(bytes, start) > readUint64(bytes, start + 8))
        return "is a range of serial numbers that ends before it begins";
      break;
    default: {
      if (length < 12 || readUint32(bytes, start + 8) !== length - 12) return "is a malformed bitmap of serial numbers";
      if (bytes[start + 12]! >= 0x80) return "is a negative bitmap of serial numbers";
      // rule: krl-bitmap-end
      if (readUint64(bytes, start) + BigInt(bitCount(bytes, section)) > MAX_UINT64 + 1n)
        return "is a bitmap that goes on behind the greatest serial number";
      if (bitCount(bytes, section) === 0) return false;
      break;
    }
  }
  if (length === 0) return false;
  // A certificate without a number has the number 0, so it would stand for all of them. OpenSSH refuses such a list as well.
  // rule: krl-serial-0
  if (sectionHas(bytes, section, 0n)) return "revokes the serial number 0, which certificates without a number have";
  return true;
}

function sectionHas(bytes: Uint8Array, section: number, serial: bigint): boolean {
  const start = section + HEAD;
  switch (bytes[section]) {
    case SERIAL_LIST: {
      let low = 0;
      for (let high = readUint32(bytes, section + 1) / 8; low < high; ) {
        const middle = (low + high) >>> 1;
        const found = readUint64(bytes, start + 8 * middle);
        if (found === serial) return true;
        if (found < serial) low = middle + 1;
        else high = middle;
      }
      return false;
    }
    case SERIAL_RANGE:
      return readUint64(bytes, start) <= serial && serial <= readUint64(bytes, start + 8);
    default: {
      const bit = serial - readUint64(bytes, start);
      return bit >= 0n && bit < BigInt(bitCount(bytes, section)) && hasBit(bytes, section, Number(bit));
    }
  }
}

function lastSerial(bytes: Uint8Array, section: number): bigint {
  const end = section + HEAD + readUint32(bytes, section + 1);
  if (bytes[section] !== SERIAL_BITMAP) return readUint64(bytes, end - 8);
  return readUint64(bytes, section + HEAD) + BigInt(bitCount(bytes, section) - 1);
}

function* sectionRanges(bytes: Uint8Array, section: number): Generator<SerialRange> {
  const start = section + HEAD;
  if (bytes[section] === SERIAL_RANGE) return yield [readUint64(bytes, start), readUint64(bytes, start + 8)];
  let run: [first: bigint, last: bigint] | undefined;
  for (const serial of bytes[section] === SERIAL_LIST ? listed(bytes, section) : marked(bytes, section)) {
    if (run !== undefined && serial <= run[1] + 1n) {
      run[1] = serial;
    } else {
      if (run !== undefined) yield run;
      run = [serial, serial];
    }
  }
  if (run !== undefined) yield run;
}

function* listed(bytes: Uint8Array, section: number): Generator<bigint> {
  const length = readUint32(bytes, section + 1);
  for (let at = 0; at < length; at += 8) yield readUint64(bytes, section + HEAD + at);
}

function* marked(bytes: Uint8Array, section: number): Generator<bigint> {
  const offset = readUint64(bytes, section + HEAD);
  const count = bitCount(bytes, section);
  for (let bit = 0; bit < count; bit++) if (hasBit(bytes, section, bit)) yield offset + BigInt(bit);
}

/** Returns the number of bits of a bitmap up to the highest that is set. */
function bitCount(bytes: Uint8Array, section: number): number {
  const start = section + HEAD + 12;
  const end = section + HEAD + readUint32(bytes, section + 1);
  let first = start;
  while (first < end && bytes[first] === 0) first++;
  return first === end ? 0 : 8 * (end - first) - Math.clz32(bytes[first]!) + 24;
}

/** Returns a bit of a bitmap; bit 0 is the last of its last byte. */
function hasBit(bytes: Uint8Array, section: number, bit: number): boolean {
  const end = section + HEAD + readUint32(bytes, section + 1);
  return ((bytes[end - 1 - (bit >>> 3)]! >>> (bit & 7)) & 1) === 1;
}

function readUint64(bytes: Uint8Array, offset: number): bigint {
  return (BigInt(readUint32(bytes, offset)) << 32n) | BigInt(readUint32(bytes, offset + 4));
}

function compareUint64(bytes: Uint8Array, a: number, b: number): number {
  const high = readUint32(bytes, a) - readUint32(bytes, b);
  return high !== 0 ? high : readUint32(bytes, a + 4) - readUint32(bytes, b + 4);
}

/** Sorts big-endian numbers in place, unless they are sorted already. */
function sortSerials(bytes: Uint8Array, start: number, end: number): void {
  let at = start + 8;
  while (at < end && compareUint64(bytes, at - 8, at) <= 0) at += 8;
  if (at >= end) return;
  const serials = new BigUint64Array((end - start) / 8);
  for (const index of serials.keys()) serials[index] = readUint64(bytes, start + 8 * index);
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, end - start);
  for (const [index, serial] of serials.sort().entries()) view.setBigUint64(8 * index, serial);
}
