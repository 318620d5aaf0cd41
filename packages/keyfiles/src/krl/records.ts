import { readUint32 } from "@nacre/wire";

/** Byte strings in a revocation list, each after its length. Keeps 4 bytes for each string beside the list itself. */
export class RecordSet {
  readonly #bytes: Uint8Array;
  /** Offsets of the lengths, in the order of the strings. */
  readonly #offsets: Uint32Array;

  /** `offsets` are those of the lengths, in any order. */
  constructor(bytes: Uint8Array, offsets: readonly number[]) {
    this.#bytes = bytes;
    this.#offsets = sortStrings(bytes, offsets);
  }

  get size(): number {
    return this.#offsets.length;
  }

  /** Returns whether a string is among them. */
  has(wanted: Uint8Array): boolean {
    let low = 0;
    for (let high = this.#offsets.length; low < high; ) {
      const middle = (low + high) >>> 1;
      const order = this.#compare(this.#offsets[middle]!, wanted);
      if (order === 0) return true;
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return false;
  }

  /** Yields the strings in order, as views. */
  *[Symbol.iterator](): Generator<Uint8Array> {
    for (const offset of this.#offsets)
      yield this.#bytes.subarray(offset + 4, offset + 4 + readUint32(this.#bytes, offset));
  }

  /** Compares the string at `offset` with another as memcmp does. The shorter of two with the same start comes first. */
  #compare(offset: number, other: Uint8Array): number {
    const length = readUint32(this.#bytes, offset);
    const common = Math.min(length, other.length);
    for (let index = 0; index < common; index++) {
      const difference = this.#bytes[offset + 4 + index]! - other[index]!;
      if (difference !== 0) return difference;
    }
    return length - other.length;
  }
}

/** Greater than any offset: a list has at most 128 MiB. */
const OFFSETS = 2 ** 27;

/**
 * Sorts strings as memcmp does, and returns their offsets. Strings with a common start are a run, which is sorted by its next three bytes.
 * These and the offset are one number, because arrays of numbers sort themselves several times faster than with a function.
 */
export function sortStrings(bytes: Uint8Array, offsets: readonly number[]): Uint32Array {
  const order = new Uint32Array(offsets);
  const keys = new Float64Array(order.length);
  const runs = [{ from: 0, to: order.length, known: 0 }];
  for (let run = runs.pop(); run !== undefined; run = runs.pop()) {
    const { from, to, known } = run;
    const depth = commonLength(bytes, order.subarray(from, to), known);
    for (let i = from; i < to; i++) keys[i] = nextBytes(bytes, order[i]!, depth) * OFFSETS + order[i]!;
    keys.subarray(from, to).sort();
    for (let i = from, start = from; i < to; i++) {
      const next = Math.floor(keys[i]! / OFFSETS);
      order[i] = keys[i]! - next * OFFSETS;
      if (i + 1 < to && Math.floor(keys[i + 1]! / OFFSETS) === next) continue;
      // A string that has ended equals the others of its run.
      if (i > start && next % 257 !== 0) runs.push({ from: start, to: i + 1, known: depth + 3 });
      start = i + 1;
    }
  }
  return order;
}

/** Returns the number of bytes that strings have in common at their start. The first `known` are the same in all of them. */
function commonLength(bytes: Uint8Array, offsets: Uint32Array, known: number): number {
  const first = offsets[0] ?? 0;
  let common = offsets.length === 0 ? known : readUint32(bytes, first);
  for (let i = 1; i < offsets.length && common > known; i++) {
    const offset = offsets[i]!;
    const end = Math.min(common, readUint32(bytes, offset));
    common = known;
    while (common < end && bytes[first + 4 + common] === bytes[offset + 4 + common]) common++;
  }
  return common;
}

/** Returns the three bytes of a string from `depth` on as one number, with 0 for the end and 1 to 256 for a byte. */
function nextBytes(bytes: Uint8Array, offset: number, depth: number): number {
  const end = offset + 4 + readUint32(bytes, offset);
  const start = offset + 4 + depth;
  let number = 0;
  for (let at = start; at < start + 3; at++) number = number * 257 + (at < end ? bytes[at]! + 1 : 0);
  return number;
}
