import { readUint32 } from "@nacre/wire";

/**
 * Byte strings in a revocation list. A length precedes each. Only their offsets are kept, so ten million strings cost 40 MB beside the
 * list itself.
 */
export class RecordSet {
  readonly #bytes: Uint8Array;
  /** Offsets of the lengths, in the order of the strings. */
  readonly #offsets: Uint32Array;

  /** `offsets` are those of the lengths, in any order. */
  constructor(bytes: Uint8Array, offsets: readonly number[]) {
    this.#bytes = bytes;
    this.#offsets = sortedOffsets(offsets, (a, b) => this.#compare(a, bytes, b + 4, readUint32(bytes, b)));
  }

  get size(): number {
    return this.#offsets.length;
  }

  /** Returns whether a string is among them. */
  has(wanted: Uint8Array): boolean {
    let low = 0;
    for (let high = this.#offsets.length; low < high; ) {
      const middle = (low + high) >>> 1;
      const order = this.#compare(this.#offsets[middle]!, wanted, 0, wanted.length);
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
  #compare(offset: number, other: Uint8Array, start: number, otherLength: number): number {
    const length = readUint32(this.#bytes, offset);
    const common = Math.min(length, otherLength);
    for (let index = 0; index < common; index++) {
      const difference = this.#bytes[offset + 4 + index]! - other[start + index]!;
      if (difference !== 0) return difference;
    }
    return length - otherLength;
  }
}

/** Returns offsets in an order. Costs little if they have it already, as in lists that OpenSSH writes. */
export function sortedOffsets(offsets: readonly number[], order: (a: number, b: number) => number): Uint32Array {
  const sorted = new Uint32Array(offsets);
  return sorted.every((offset, index) => index === 0 || order(sorted[index - 1]!, offset) <= 0)
    ? sorted
    : sorted.sort(order);
}
