import { concatBytes } from "@nacre/wire";
import { blake2b } from "@noble/hashes/blake2.js";

/** Kinds of Argon2 with their numbers (RFC 9106 §3.2). */
export const ARGON2_KINDS = { Argon2d: 0, Argon2i: 1, Argon2id: 2 } as const;

/** Cost parameters of Argon2 version 1.3. */
export interface Argon2Costs {
  readonly kind: keyof typeof ARGON2_KINDS;
  /** Memory in KiB, at least 8 · `lanes`. */
  readonly memory: number;
  readonly passes: number;
  readonly lanes: number;
}

/** Inputs of Argon2. Files have no secret and no associated data; the vectors of RFC 9106 have both. */
export interface Argon2Inputs {
  readonly passphrase: Uint8Array;
  readonly salt: Uint8Array;
  readonly secret?: Uint8Array;
  readonly associatedData?: Uint8Array;
}

const VERSION = 0x13;
/** Parts of a pass: a block refers to no block of other lanes in the same part (RFC 9106 §3.2). */
const SEGMENTS = 4;
/** Words of 32 bits in a block of 1 KiB. The two halves of a 64-bit word are adjacent, low half first. */
const BLOCK = 256;
/** Blocks between two yields; a few milliseconds. */
const SLICE = 256;

/** Derives `length` bytes with Argon2 (RFC 9106 §3.2). Yields every few milliseconds. The caller must check the costs. */
export function* argon2(
  { passphrase, salt, secret = new Uint8Array(), associatedData = new Uint8Array() }: Argon2Inputs,
  { kind, memory, passes, lanes }: Argon2Costs,
  length: number,
): Generator<void, Uint8Array> {
  const inputs = [passphrase, salt, secret, associatedData].flatMap((input) => [littleEndian(input.length), input]);
  const costs = [lanes, length, memory, passes, VERSION, ARGON2_KINDS[kind]].map(littleEndian);
  const seed = blake2b(concatBytes(...costs, ...inputs));

  const segment = Math.floor(memory / (SEGMENTS * lanes));
  const columns = SEGMENTS * segment;
  const table = new Int32Array(lanes * columns * BLOCK);
  for (let lane = 0; lane < lanes; lane++)
    for (let column = 0; column < 2; column++) {
      const block = variableHash(concatBytes(seed, littleEndian(column), littleEndian(lane)), 4 * BLOCK);
      table.set(wordsOf(block), (lane * columns + column) * BLOCK);
    }

  const addresses = new Int32Array(BLOCK);
  let done = 0;
  for (let pass = 0; pass < passes; pass++)
    for (let part = 0; part < SEGMENTS; part++) {
      const independent = kind === "Argon2i" || (kind === "Argon2id" && pass === 0 && part < 2);
      for (let lane = 0; lane < lanes; lane++)
        for (let index = 0; index < segment; index++) {
          if (independent && index % 128 === 0) {
            const counter = index / 128 + 1;
            fillAddresses(addresses, [pass, lane, part, lanes * columns, passes, ARGON2_KINDS[kind], counter]);
          }
          if (pass === 0 && part === 0 && index < 2) continue;
          const column = part * segment + index;
          const current = lane * columns + column;
          const previous = column === 0 ? current + columns - 1 : current - 1;
          const source = independent ? addresses : table;
          const at = independent ? 2 * (index % 128) : previous * BLOCK;
          const otherLane = pass === 0 && part === 0 ? lane : (source[at + 1]! >>> 0) % lanes;
          const other = referenceColumn(source[at]! >>> 0, { pass, part, index, segment, same: otherLane === lane });
          compress(
            table,
            previous * BLOCK,
            table,
            (otherLane * columns + other) * BLOCK,
            table,
            current * BLOCK,
            pass > 0,
          );
          if (++done % SLICE === 0) yield;
        }
    }

  const sum = table.slice((columns - 1) * BLOCK, columns * BLOCK);
  for (let lane = 1; lane < lanes; lane++)
    for (let k = 0; k < BLOCK; k++) sum[k]! ^= table[((lane + 1) * columns - 1) * BLOCK + k]!;
  table.fill(0);
  return variableHash(bytesOf(sum), length);
}

/** Hash of any length, H′ (RFC 9106 §3.3). */
function variableHash(input: Uint8Array, length: number): Uint8Array {
  const whole = concatBytes(littleEndian(length), input);
  if (length <= 64) return blake2b(whole, { dkLen: length });
  const out = new Uint8Array(length);
  let hash = blake2b(whole);
  let at = 0;
  for (; length - at > 64; at += 32) {
    out.set(hash.subarray(0, 32), at);
    hash = blake2b(hash, { dkLen: Math.min(64, length - at - 32) });
  }
  out.set(hash, at);
  return out;
}

/** Fills a block of pseudorandom positions that do not depend on the passphrase (RFC 9106 §3.4.1.2). */
function fillAddresses(addresses: Int32Array, values: readonly number[]): void {
  const input = new Int32Array(BLOCK);
  for (const [i, value] of values.entries()) input[2 * i] = value;
  const zero = new Int32Array(BLOCK);
  compress(zero, 0, input, 0, addresses, 0, false);
  compress(zero, 0, addresses, 0, addresses, 0, false);
}

/** Returns the column of the block to mix in (RFC 9106 §3.4.1.1, §3.4.2). `same`: it is in the lane of the current block. */
function referenceColumn(
  random: number,
  { pass, part, index, segment, same }: { pass: number; part: number; index: number; segment: number; same: boolean },
): number {
  const finished = (pass === 0 ? part : SEGMENTS - 1) * segment;
  // Its own lane has all blocks before the previous one. The last block of other lanes is left out at the start of a part.
  const candidates = finished + (same ? index - 1 : index === 0 ? -1 : 0);
  const back = highProduct(candidates, highProduct(random, random));
  const start = pass === 0 ? 0 : (part + 1) * segment;
  return (start + candidates - 1 - back) % (SEGMENTS * segment);
}

const mixed = /* @__PURE__ */ new Int32Array(BLOCK);

/** Compression function G (RFC 9106 §3.5). Writes the block at `c`, or with `onTop` combines it with the one there. */
function compress(
  first: Int32Array,
  a: number,
  second: Int32Array,
  b: number,
  out: Int32Array,
  c: number,
  onTop: boolean,
): void {
  const z = mixed;
  for (let k = 0; k < BLOCK; k++) z[k] = first[a + k]! ^ second[b + k]!;
  if (onTop) for (let k = 0; k < BLOCK; k++) out[c + k]! ^= z[k]!;
  else out.set(z, c);
  for (let row = 0; row < BLOCK; row += 32) permute(z, row, 2, 4);
  for (let column = 0; column < 32; column += 4) permute(z, column, 2, 32);
  for (let k = 0; k < BLOCK; k++) out[c + k]! ^= z[k]!;
}

/** Permutation P on 16 words of 64 bits: 8 pairs, the two words of a pair `word` apart and the pairs `pair` (RFC 9106 §3.6). */
function permute(z: Int32Array, start: number, word: number, pair: number): void {
  // The words of a row of the 4 × 4 matrix begin at `start`, `b`, `c` and `d`; the third and fourth are a pair on.
  const b = start + 2 * pair;
  const c = start + 4 * pair;
  const d = start + 6 * pair;
  const second = word;
  const third = pair;
  const fourth = pair + word;
  quarter(z, start, b, c, d);
  quarter(z, start + second, b + second, c + second, d + second);
  quarter(z, start + third, b + third, c + third, d + third);
  quarter(z, start + fourth, b + fourth, c + fourth, d + fourth);
  quarter(z, start, b + second, c + third, d + fourth);
  quarter(z, start + second, b + third, c + fourth, d);
  quarter(z, start + third, b + fourth, c, d + second);
  quarter(z, start + fourth, b, c + second, d + third);
}

/** Quarter round GB (RFC 9106 §3.6). Each position is that of a low half; the high half follows. */
function quarter(z: Int32Array, a: number, b: number, c: number, d: number): void {
  addProduct(z, a, b);
  // d = (d ⊕ a) rotated right by 32
  let low = z[d]! ^ z[a]!;
  let high = z[d + 1]! ^ z[a + 1]!;
  z[d] = high;
  z[d + 1] = low;
  addProduct(z, c, d);
  // b = (b ⊕ c) rotated right by 24
  low = z[b]! ^ z[c]!;
  high = z[b + 1]! ^ z[c + 1]!;
  z[b] = (low >>> 24) | (high << 8);
  z[b + 1] = (high >>> 24) | (low << 8);
  addProduct(z, a, b);
  // d = (d ⊕ a) rotated right by 16
  low = z[d] ^ z[a]!;
  high = z[d + 1]! ^ z[a + 1]!;
  z[d] = (low >>> 16) | (high << 16);
  z[d + 1] = (high >>> 16) | (low << 16);
  addProduct(z, c, d);
  // b = (b ⊕ c) rotated right by 63
  low = z[b] ^ z[c]!;
  high = z[b + 1]! ^ z[c + 1]!;
  z[b] = (high >>> 31) | (low << 1);
  z[b + 1] = (low >>> 31) | (high << 1);
}

/** Sets x to x + y + 2 · low(x) · low(y) modulo 2^64. */
function addProduct(z: Int32Array, x: number, y: number): void {
  const xLow = z[x]! >>> 0;
  const yLow = z[y]! >>> 0;
  const low = Math.imul(xLow, yLow);
  const high = highProduct(xLow, yLow);
  const sum = xLow + yLow + ((low << 1) >>> 0);
  z[x] = sum;
  z[x + 1] = z[x + 1]! + z[y + 1]! + ((high << 1) | (low >>> 31)) + ((sum / 0x1_0000_0000) | 0);
}

/** Upper 32 bits of the product of two unsigned 32-bit numbers. */
function highProduct(x: number, y: number): number {
  // A double rounds the product by less than 2^11; less the exact lower half, it is a multiple of 2^32 but for that.
  return ((x * y - (Math.imul(x, y) >>> 0)) / 0x1_0000_0000 + 0.5) >>> 0;
}

function littleEndian(value: number): Uint8Array {
  return Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
}

function wordsOf(bytes: Uint8Array): Int32Array {
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Int32Array.from({ length: bytes.length / 4 }, (_, i) => data.getInt32(4 * i, true));
}

function bytesOf(words: Int32Array): Uint8Array {
  const bytes = new Uint8Array(4 * words.length);
  const data = new DataView(bytes.buffer);
  for (const [i, word] of words.entries()) data.setInt32(4 * i, word, true);
  return bytes;
}
