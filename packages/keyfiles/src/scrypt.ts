import { sha256 } from "@noble/hashes/sha2.js";
import { pbkdf2 } from "./pbkdf2.ts";

/** Cost parameters of scrypt with the names of RFC 7914: N, a power of two, block size r, parallelization p. */
export interface ScryptCosts {
  readonly n: number;
  readonly r: number;
  readonly p: number;
}

/** Bytes mixed between two yields; a few milliseconds. */
const SLICE = 512 * 1024;

/** Derives `length` bytes with scrypt (RFC 7914 §6). Yields every few milliseconds. Uses 128·N·r bytes; the caller must check the costs. */
export function* scrypt(
  passphrase: Uint8Array,
  salt: Uint8Array,
  { n, r, p }: ScryptCosts,
  length: number,
): Generator<void, Uint8Array> {
  const blockLength = 128 * r;
  const blocks = yield* pbkdf2(sha256, passphrase, salt, 1, p * blockLength);
  const table = new Int32Array(n * 32 * r);
  for (let i = 0; i < p; i++) yield* roMix(blocks.subarray(i * blockLength, (i + 1) * blockLength), table, n, r);
  table.fill(0);
  return yield* pbkdf2(sha256, passphrase, blocks, 1, length);
}

/** scryptROMix in place (RFC 7914 §5). Reads words as little-endian on every platform. */
function* roMix(bytes: Uint8Array, table: Int32Array, n: number, r: number): Generator<void, void> {
  const words = 32 * r;
  const every = Math.max(1, Math.floor(SLICE / bytes.length));
  const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let block = new Int32Array(words);
  let other = new Int32Array(words);
  for (let k = 0; k < words; k++) block[k] = data.getInt32(4 * k, true);
  for (let i = 0; i < n; i++) {
    table.set(block, i * words);
    blockMix(block, other, r);
    [block, other] = [other, block];
    if (i % every === every - 1) yield;
  }
  for (let i = 0; i < n; i++) {
    const from = (block[words - 16]! & (n - 1)) * words;
    for (let k = 0; k < words; k++) block[k]! ^= table[from + k]!;
    blockMix(block, other, r);
    [block, other] = [other, block];
    if (i % every === every - 1) yield;
  }
  for (let k = 0; k < words; k++) data.setInt32(4 * k, block[k]!, true);
}

/** scryptBlockMix (RFC 7914 §4). Writes even blocks to the first half of `out` and odd blocks to the second. */
function blockMix(block: Int32Array, out: Int32Array, r: number): void {
  const x = block.slice(32 * r - 16);
  for (let i = 0; i < 2 * r; i++) {
    for (let k = 0; k < 16; k++) x[k]! ^= block[16 * i + k]!;
    salsa20Core8(x);
    out.set(x, 16 * ((i >> 1) + (i & 1) * r));
  }
}

/** Salsa20/8 core in place (RFC 7914 §3). */
function salsa20Core8(x: Int32Array): void {
  let [x0, x1, x2, x3, x4, x5, x6, x7] = [x[0]!, x[1]!, x[2]!, x[3]!, x[4]!, x[5]!, x[6]!, x[7]!];
  let [x8, x9, xa, xb, xc, xd, xe, xf] = [x[8]!, x[9]!, x[10]!, x[11]!, x[12]!, x[13]!, x[14]!, x[15]!];
  for (let i = 0; i < 4; i++) {
    x4 ^= rotate((x0 + xc) | 0, 7);
    x8 ^= rotate((x4 + x0) | 0, 9);
    xc ^= rotate((x8 + x4) | 0, 13);
    x0 ^= rotate((xc + x8) | 0, 18);
    x9 ^= rotate((x5 + x1) | 0, 7);
    xd ^= rotate((x9 + x5) | 0, 9);
    x1 ^= rotate((xd + x9) | 0, 13);
    x5 ^= rotate((x1 + xd) | 0, 18);
    xe ^= rotate((xa + x6) | 0, 7);
    x2 ^= rotate((xe + xa) | 0, 9);
    x6 ^= rotate((x2 + xe) | 0, 13);
    xa ^= rotate((x6 + x2) | 0, 18);
    x3 ^= rotate((xf + xb) | 0, 7);
    x7 ^= rotate((x3 + xf) | 0, 9);
    xb ^= rotate((x7 + x3) | 0, 13);
    xf ^= rotate((xb + x7) | 0, 18);
    x1 ^= rotate((x0 + x3) | 0, 7);
    x2 ^= rotate((x1 + x0) | 0, 9);
    x3 ^= rotate((x2 + x1) | 0, 13);
    x0 ^= rotate((x3 + x2) | 0, 18);
    x6 ^= rotate((x5 + x4) | 0, 7);
    x7 ^= rotate((x6 + x5) | 0, 9);
    x4 ^= rotate((x7 + x6) | 0, 13);
    x5 ^= rotate((x4 + x7) | 0, 18);
    xb ^= rotate((xa + x9) | 0, 7);
    x8 ^= rotate((xb + xa) | 0, 9);
    x9 ^= rotate((x8 + xb) | 0, 13);
    xa ^= rotate((x9 + x8) | 0, 18);
    xc ^= rotate((xf + xe) | 0, 7);
    xd ^= rotate((xc + xf) | 0, 9);
    xe ^= rotate((xd + xc) | 0, 13);
    xf ^= rotate((xe + xd) | 0, 18);
  }
  const mixed = [x0, x1, x2, x3, x4, x5, x6, x7, x8, x9, xa, xb, xc, xd, xe, xf];
  for (let k = 0; k < 16; k++) x[k] = (x[k]! + mixed[k]!) | 0;
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}
