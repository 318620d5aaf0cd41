// Derives inputs from other inputs in three ways: like transmission errors, like an attacker who changes SSH's length-prefixed strings,
// and with values that the program compares.

import type { Pair } from "./feedback.ts";
import type { Random } from "./random.ts";

/** Boundary values of decoders. */
const EDGES = [
  0, 1, 2, 3, 4, 5, 7, 8, 16, 31, 32, 33, 64, 100, 127, 128, 129, 255, 256, 1024, 4096, 32_767, 32_768, 35_000, 65_535,
  65_536, 262_144, 262_145, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff,
];
const NOTHING = new Uint8Array(0);

/** Material for mutations besides the input itself. */
export interface Material {
  /** Another input, to take parts from. */
  readonly other: Uint8Array;
  /** Values that were compared when the input ran. */
  readonly pairs: readonly Pair[];
}

/** Offsets of a string with a length prefix, or of a line of text: start, start of the content, and end. */
interface Piece {
  readonly start: number;
  readonly content: number;
  readonly end: number;
}

type Mutation = (input: Uint8Array, material: Material) => Uint8Array;

export class Mutator {
  readonly #random: Random;
  readonly #words: readonly Uint8Array[];
  readonly #longest: number;
  readonly #mutations: readonly Mutation[];

  /** `longest`: maximum length of an input in bytes. */
  constructor(random: Random, words: readonly string[], longest: number) {
    this.#random = random;
    this.#words = words.map(bytesOf);
    this.#longest = longest;
    const byte: Mutation[] = [
      (input) => this.#changeByte(input),
      (input) => this.#writeNumber(input),
      (input) => this.#insert(input),
      (input) => this.#remove(input),
      (input) => this.#repeat(input),
      (input) => this.#copy(input),
      (input, { other }) => this.#splice(input, other),
      (input) => input.subarray(0, this.#random.below(input.length + 1)),
    ];
    this.#mutations = [
      ...byte,
      (input, { other }) => this.#changePiece(input, other),
      (input, { other }) => this.#changePiece(input, other),
      (input) => this.#movePiece(input),
      (input, { pairs }) => this.#satisfy(input, pairs),
      (input, { pairs }) => this.#satisfy(input, pairs),
    ];
  }

  /** Returns a mutated copy, usually with few changes, sometimes with many. */
  mutate(input: Uint8Array, material: Material): Uint8Array {
    let changed = input;
    const times = 1 + this.#random.below(1 << this.#random.below(4));
    for (let i = 0; i < times; i++) changed = this.#random.pick(this.#mutations)(changed, material);
    return changed.slice(0, this.#longest);
  }

  #changeByte(input: Uint8Array): Uint8Array {
    if (input.length === 0) return input;
    const changed = input.slice();
    const at = this.#random.below(input.length);
    const byte = input[at]!;
    changed[at] = this.#random.pick([
      byte ^ (1 << this.#random.below(8)),
      byte + 1,
      byte - 1,
      this.#random.below(256),
      this.#random.pick(EDGES),
    ]);
    return changed;
  }

  /** Replaces a number of one, two or four bytes by a boundary value, or changes it by up to 16. */
  #writeNumber(input: Uint8Array): Uint8Array {
    const width = this.#random.pick([1, 2, 4, 4]);
    if (input.length < width) return input;
    const at = this.#random.below(input.length - width + 1);
    const before = numberAt(input, at, width);
    const value = this.#random.once(2)
      ? this.#random.pick(EDGES)
      : before + this.#random.pick([-1, 1]) * (1 + this.#random.below(16));
    return replace(input, at, at + width, bigEndian(value, width));
  }

  #insert(input: Uint8Array): Uint8Array {
    const at = this.#random.below(input.length + 1);
    return replace(input, at, at, this.#fresh());
  }

  #remove(input: Uint8Array): Uint8Array {
    const [start, end] = this.#range(input);
    return replace(input, start, end, NOTHING);
  }

  #repeat(input: Uint8Array): Uint8Array {
    const [start, end] = this.#range(input);
    const times = this.#random.once(8) ? 2 + this.#random.below(64) : 1;
    const part = input.subarray(start, end);
    const room = Math.max(0, Math.floor((this.#longest - input.length) / Math.max(1, part.length)));
    return replace(input, end, end, join(Array.from({ length: Math.min(times, room) }, () => part)));
  }

  #copy(input: Uint8Array): Uint8Array {
    const [start, end] = this.#range(input);
    const to = this.#random.below(input.length + 1);
    return replace(input, to, Math.min(input.length, to + end - start), input.slice(start, end));
  }

  #splice(input: Uint8Array, other: Uint8Array): Uint8Array {
    const [start, end] = this.#range(other);
    const [from, to] = this.#range(input);
    return replace(input, from, this.#random.once(2) ? from : to, other.subarray(start, end));
  }

  /** Replaces the content of a piece, usually with a matching length, sometimes with a wrong one. */
  #changePiece(input: Uint8Array, other: Uint8Array): Uint8Array {
    const piece = this.#piece(input);
    if (piece === undefined) return this.#changeByte(input);
    const theirs = this.#piece(other);
    const content = input.subarray(piece.content, piece.end);
    const changed = this.#random.pick([
      () => this.#fresh(),
      () => NOTHING,
      () => content.subarray(0, this.#random.below(content.length + 1)),
      () => this.#changeByte(content),
      () => this.#insert(content),
      () => this.#repeat(content),
      () => (theirs === undefined ? content : other.subarray(theirs.content, theirs.end)),
      // Changes a string inside a string.
      () => this.#changePieceInside(content, other),
    ])();
    const prefix = piece.content - piece.start;
    const length = this.#random.once(12) ? this.#random.pick(EDGES) : changed.length;
    return replace(input, piece.start, piece.end, join([bigEndian(length, prefix), changed]));
  }

  #changePieceInside(content: Uint8Array, other: Uint8Array): Uint8Array {
    return this.#piece(content) === undefined ? content : this.#changePiece(content, other);
  }

  /** Removes, duplicates or moves a piece. */
  #movePiece(input: Uint8Array): Uint8Array {
    const piece = this.#piece(input);
    const target = this.#piece(input);
    if (piece === undefined || target === undefined) return this.#remove(input);
    const whole = input.slice(piece.start, piece.end);
    if (this.#random.once(3)) return replace(input, piece.start, piece.end, NOTHING);
    return replace(input, target.start, this.#random.once(2) ? target.start : target.end, whole);
  }

  /** Finds one value of a compared pair in the input, and replaces it by the other. */
  #satisfy(input: Uint8Array, pairs: readonly Pair[]): Uint8Array {
    if (pairs.length === 0) return this.#writeNumber(input);
    const pair = this.#random.pick(pairs);
    const [is, wanted] = this.#random.once(2) ? pair : [pair[1], pair[0]];
    const width = this.#random.pick([1, 2, 4]);
    const more = this.#random.below(3) - 1;
    const [from, to] =
      typeof is === "number"
        ? [bigEndian(is, width), bigEndian((wanted as number) + more, width)]
        : [bytesOf(is), bytesOf(wanted as string)];
    const places = placesOf(input, from);
    if (places.length === 0) return this.#changeByte(input);
    const at = this.#random.pick(places);
    return replace(input, at, at + from.length, to);
  }

  /** Returns new bytes: random bytes, one byte repeated, a word, a word with a length prefix, or a boundary value. */
  #fresh(): Uint8Array {
    const random = this.#random;
    return random.pick([
      () => random.bytes(1 + random.below(8)),
      () => new Uint8Array(1 + random.below(64)).fill(random.pick([0, 0x20, 0x41, 0xff, random.below(256)])),
      () => this.#word(),
      () => {
        const word = this.#word();
        return join([bigEndian(word.length, 4), word]);
      },
      () => bigEndian(random.pick(EDGES), 4),
    ])();
  }

  #word(): Uint8Array {
    return this.#words.length === 0 ? NOTHING : this.#random.pick(this.#words);
  }

  #range(input: Uint8Array): readonly [start: number, end: number] {
    const start = this.#random.below(input.length + 1);
    const longest = this.#random.pick([1, 4, 16, input.length]);
    return [start, Math.min(input.length, start + this.#random.below(longest + 1))];
  }

  /** Returns a random piece that looks like a string with a length prefix, or a line of text. */
  #piece(input: Uint8Array): Piece | undefined {
    const pieces = stringsOf(input);
    if (pieces.length === 0 || this.#random.once(8)) pieces.push(...linesOf(input));
    return pieces.length === 0 ? undefined : this.#random.pick(pieces);
  }
}

/** Returns all pieces that may be SSH strings: the first four bytes may be the length of the rest. */
function stringsOf(input: Uint8Array): Piece[] {
  const pieces: Piece[] = [];
  for (let start = 0; start + 4 <= input.length; start++) {
    // Inputs are shorter than 64 KiB, so the first two bytes of a length must be zero.
    if (input[start] !== 0 || input[start + 1] !== 0) continue;
    const length = numberAt(input, start, 4);
    const end = start + 4 + length;
    if (length > 0 && end <= input.length) pieces.push({ start, content: start + 4, end });
  }
  return pieces;
}

function linesOf(input: Uint8Array): Piece[] {
  const pieces: Piece[] = [];
  for (let start = 0; start < input.length; ) {
    const newline = input.indexOf(0x0a, start);
    const end = newline < 0 ? input.length : newline + 1;
    pieces.push({ start, content: start, end });
    start = end;
  }
  return pieces;
}

function placesOf(input: Uint8Array, part: Uint8Array): number[] {
  const places: number[] = [];
  if (part.length === 0) return places;
  for (let at = input.indexOf(part[0]!); at >= 0 && places.length < 32; at = input.indexOf(part[0]!, at + 1)) {
    if (part.every((byte, i) => input[at + i] === byte)) places.push(at);
  }
  return places;
}

function replace(input: Uint8Array, start: number, end: number, by: Uint8Array): Uint8Array {
  return join([input.subarray(0, start), by, input.subarray(end)]);
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

function numberAt(input: Uint8Array, at: number, width: number): number {
  let value = 0;
  for (let i = 0; i < width; i++) value = value * 256 + input[at + i]!;
  return value;
}

function bigEndian(value: number, width: number): Uint8Array {
  const bytes = new Uint8Array(width);
  for (let i = width - 1, left = Math.floor(value); i >= 0; i--, left = Math.floor(left / 256)) bytes[i] = left;
  return bytes;
}

function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}
