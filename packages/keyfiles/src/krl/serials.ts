import { sortStrings } from "./records.ts";

/** Types of the sections that hold serial numbers (OpenSSH PROTOCOL.krl). */
export const SERIAL_LIST = 0x20;
export const SERIAL_RANGE = 0x21;
export const SERIAL_BITMAP = 0x22;

/** First and last serial number of a range, both included. */
export type SerialRange = readonly [first: bigint, last: bigint];

const MAX_UINT64 = 0xffff_ffff_ffff_ffffn;

/** Where the serial numbers of an authority are in a revocation list. */
export interface FoundSerials {
  /** Offsets of the first number of each range, and of the last in the same order. A number in a list is a range of its own. */
  readonly firsts: number[];
  readonly lasts: number[];
  /** Offsets of the lengths of sections with a bitmap in which a bit is set. */
  readonly bitmaps: number[];
}

/** Serial numbers in a revocation list. Bitmaps stay bitmaps: one of 64 KiB can have half a million numbers. */
export class SerialSet {
  readonly #ranges: Ranges;
  readonly #bitmaps: Bitmaps;

  constructor(bytes: Uint8Array, { firsts, lasts, bitmaps }: FoundSerials) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#ranges = new Ranges(numbersAt(view, firsts), numbersAt(view, lasts));
    this.#bitmaps = new Bitmaps(view, bitmaps);
  }

  /** Returns whether the serial number is in the set. */
  has(serial: bigint): boolean {
    return this.#ranges.has(serial) || this.#bitmaps.has(serial);
  }

  /** Yields the numbers as ranges: those of lists and ranges, then those of bitmaps, which may overlap the former. */
  *[Symbol.iterator](): Generator<SerialRange> {
    yield* this.#ranges;
    yield* this.#bitmaps;
  }
}

/** Reads a section of serial numbers into `found`. Returns a description of the problem if it is malformed. */
export function readSerials(
  view: DataView,
  type: typeof SERIAL_LIST | typeof SERIAL_RANGE | typeof SERIAL_BITMAP,
  start: number,
  end: number,
  found: FoundSerials,
): string | undefined {
  switch (type) {
    case SERIAL_LIST:
      if ((end - start) % 8 !== 0) return "is a list of serial numbers with a part of one";
      for (let at = start; at < end; at += 8) {
        found.firsts.push(at);
        found.lasts.push(at);
      }
      return undefined;
    case SERIAL_RANGE:
      if (end - start !== 16) return "is a range of serial numbers with more or less than two of them";
      // rule: krl-range
      if (view.getBigUint64(start) > view.getBigUint64(start + 8))
        return "is a range of serial numbers that ends before it begins";
      found.firsts.push(start);
      found.lasts.push(start + 8);
      return undefined;
    case SERIAL_BITMAP: {
      const bits = start + 12;
      if (bits > end || view.getUint32(start + 8) !== end - bits) return "is a malformed bitmap of serial numbers";
      if (bits < end && view.getUint8(bits) >= 0x80) return "is a negative bitmap of serial numbers";
      let highest = bits;
      while (highest < end && view.getUint8(highest) === 0) highest++;
      if (highest === end) return undefined;
      const last = 8 * (end - highest) + 23 - Math.clz32(view.getUint8(highest));
      // rule: krl-bitmap-end
      if (view.getBigUint64(start) + BigInt(last) > MAX_UINT64)
        return "is a bitmap that goes on behind the greatest serial number";
      found.bitmaps.push(start - 4);
      return undefined;
    }
  }
}

/** Ranges of numbers, which may overlap. */
class Ranges {
  /** The first numbers of all ranges in order, and the last ones in their own order: no search needs to know which belong together. */
  readonly #firsts: BigUint64Array;
  readonly #lasts: BigUint64Array;

  constructor(firsts: BigUint64Array, lasts: BigUint64Array) {
    this.#firsts = firsts.sort();
    this.#lasts = lasts.sort();
  }

  /** A range has the number if more ranges begin up to it than end before it. */
  has(number: bigint): boolean {
    return countBelow(this.#firsts, number + 1n) > countBelow(this.#lasts, number);
  }

  /** Yields the ranges in order, those that overlap as one. */
  *[Symbol.iterator](): Generator<SerialRange> {
    let start = 0;
    for (const [index, last] of this.#lasts.entries()) {
      const next = this.#firsts[index + 1];
      if (next !== undefined && next <= last) continue;
      // As many ranges have ended as have begun.
      yield [this.#firsts[start]!, last];
      start = index + 1;
    }
  }
}

/** Bitmaps, with those that overlap joined into one. A byte of a joined bitmap has eight numbers, the first of them a multiple of eight. */
class Bitmaps {
  /** An eighth of the first number of each joined bitmap, in order. */
  readonly #starts: BigUint64Array;
  /** Where each of them begins in `#bits`, and where the last ends. */
  readonly #places: Uint32Array;
  readonly #bits: Uint8Array;

  constructor(view: DataView, offsets: readonly number[]) {
    const starts = new BigUint64Array(offsets.length);
    const places = new Uint32Array(offsets.length + 1);
    // A bitmap may begin and end within a byte.
    const bits = new Uint8Array(offsets.reduce((size, offset) => size + view.getUint32(offset) - 11, 0));
    let count = 0;
    let end = 0;
    // Each string begins with the first number of its bitmap. Bit 0 is the last of its last byte.
    for (const offset of sortStrings(new Uint8Array(view.buffer, view.byteOffset, view.byteLength), offsets)) {
      const first = view.getBigUint64(offset + 4);
      const eighth = first >> 3n;
      let place = count === 0 ? end : places[count - 1]! + Number(eighth - starts[count - 1]!);
      if (count === 0 || place > end) {
        place = end;
        starts[count] = eighth;
        places[count++] = place;
      }
      const shift = Number(first & 7n);
      for (let at = offset + 3 + view.getUint32(offset); at >= offset + 16; at--, place++) {
        const shifted = view.getUint8(at) << shift;
        bits[place]! |= shifted;
        bits[place + 1]! |= shifted >>> 8;
        if (shifted !== 0) end = Math.max(end, shifted > 0xff ? place + 2 : place + 1);
      }
    }
    places[count] = end;
    this.#starts = starts.slice(0, count);
    this.#places = places.slice(0, count + 1);
    this.#bits = bits.slice(0, end);
  }

  has(number: bigint): boolean {
    const place = this.#placeOf(number);
    return place !== undefined && ((this.#bits[place]! >>> Number(number & 7n)) & 1) === 1;
  }

  /** Yields the numbers as ranges, in order. */
  *[Symbol.iterator](): Generator<SerialRange> {
    for (const [index, start] of this.#starts.entries()) {
      const [from, to] = [8 * this.#places[index]!, 8 * this.#places[index + 1]!];
      const numberOf = (bit: number): bigint => 8n * start + BigInt(bit - from);
      let first: number | undefined;
      for (let bit = from; bit <= to; bit++) {
        const isSet = bit < to && ((this.#bits[bit >>> 3]! >>> (bit & 7)) & 1) === 1;
        if (isSet) first ??= bit;
        else if (first !== undefined) {
          yield [numberOf(first), numberOf(bit - 1)];
          first = undefined;
        }
      }
    }
  }

  /** Returns the offset in `#bits` of the byte with a number, or `undefined` if no bitmap reaches it. */
  #placeOf(number: bigint): number | undefined {
    const eighth = number >> 3n;
    const index = countBelow(this.#starts, eighth + 1n) - 1;
    if (index < 0) return undefined;
    const place = this.#places[index]! + Number(eighth - this.#starts[index]!);
    return place < this.#places[index + 1]! ? place : undefined;
  }
}

/** Returns how many of the numbers, which are in order, are below a limit. */
function countBelow(numbers: BigUint64Array, limit: bigint): number {
  let low = 0;
  for (let high = numbers.length; low < high; ) {
    const middle = (low + high) >>> 1;
    if (numbers[middle]! < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

function numbersAt(view: DataView, offsets: readonly number[]): BigUint64Array {
  const numbers = new BigUint64Array(offsets.length);
  for (let index = 0; index < offsets.length; index++) numbers[index] = view.getBigUint64(offsets[index]!);
  return numbers;
}
