import { readUint32 } from "@nacre/wire";
import { GHASH } from "@noble/ciphers/_polyval.js";
import { unsafe } from "@noble/ciphers/aes.js";

/*
 * The parts of noble that keep their state from packet to packet are not its stable surface: they are named in this file only,
 * and the version of noble is pinned.
 */

/** Bytes of an AES block. */
export const AES_BLOCK = 16;

/**
 * AES in counter mode as one stream over all packets of a direction: the key is expanded once, and the 128-bit big-endian counter
 * goes on from packet to packet (RFC 4344 §4). Encrypting and decrypting are the same.
 */
export class AesCtrStream {
  readonly #key: Uint32Array;
  readonly #counter: Uint8Array;

  /** `key`: 16, 24 or 32 bytes. `iv`: the first counter block, 16 bytes. Both are copied. */
  constructor(key: Uint8Array, iv: Uint8Array) {
    this.#key = unsafe.expandKeyLE(key);
    this.#counter = iv.slice();
  }

  /** The next whole blocks, `[start, end)`, in place. `start` must lie at a multiple of 4 bytes in memory. */
  apply(slab: Uint8Array, start: number, end: number): void {
    const counter = this.#counter;
    // noble counts a tenth faster in 32 bits than in 128: so it counts to where they end, and the carry is ours.
    for (let at = start; at < end; ) {
      const blocksLeft = 2 ** 32 - readUint32(counter, AES_BLOCK - 4);
      const next = Math.min(end, at + blocksLeft * AES_BLOCK);
      const blocks = slab.subarray(at, next);
      unsafe.ctr32(this.#key, false, counter, blocks, blocks);
      if (readUint32(counter, AES_BLOCK - 4) === 0) carry(counter);
      at = next;
    }
  }
}

/** The last 32 bits of the counter have ended: what is before them goes up by one. */
function carry(counter: Uint8Array): void {
  for (let i = AES_BLOCK - 5; i >= 0; i--) {
    counter[i]!++;
    if (counter[i] !== 0) return;
  }
}

/** AES-GCM's two halves for one key, each keyed once (NIST SP 800-38D §7). */
export class AesGcmCore {
  readonly #key: Uint32Array;
  readonly #ghash: KeyedGhash;
  /** J, the nonce and a 32-bit counter. */
  readonly #counter = new Uint8Array(AES_BLOCK);
  readonly #mask = new Uint8Array(AES_BLOCK);
  readonly #lengths = new Uint8Array(AES_BLOCK);
  readonly #lengthsView = new DataView(this.#lengths.buffer);

  /** `key`: 16 or 32 bytes, copied. */
  constructor(key: Uint8Array) {
    this.#key = unsafe.expandKeyLE(key);
    const hashKey = unsafe.encryptBlock(this.#key, new Uint8Array(AES_BLOCK));
    this.#ghash = new KeyedGhash(hashKey);
  }

  /** Takes the nonce of the next packet, 12 bytes. Must come before `tag` and `apply`, which come once each. */
  begin(nonce: Uint8Array): void {
    const counter = this.#counter;
    counter.set(nonce);
    counter.fill(0, 12);
    counter[15] = 1;
    this.#mask.set(counter);
    unsafe.encryptBlock(this.#key, this.#mask);
    counter[15] = 2;
  }

  /** Encrypts or decrypts in place. The bytes must lie at a multiple of 4 bytes in memory. */
  apply(text: Uint8Array): void {
    unsafe.ctr32(this.#key, false, this.#counter, text, text);
  }

  /** The tag of a packet into `out`: 16 bytes at a multiple of 4 in memory. */
  tag(additional: Uint8Array, ciphertext: Uint8Array, out: Uint8Array): void {
    this.#lengthsView.setUint32(4, additional.length * 8);
    this.#lengthsView.setUint32(12, ciphertext.length * 8);
    this.#ghash.reset();
    this.#ghash.update(additional).update(ciphertext).update(this.#lengths).digestInto(out);
    for (let i = 0; i < AES_BLOCK; i++) out[i]! ^= this.#mask[i]!;
  }
}

/** GHASH whose multiplication table, which takes longer to make than most packets to hash, serves packet after packet. */
class KeyedGhash extends GHASH {
  constructor(key: Uint8Array) {
    super(key, GHASH_EXPECTED);
  }

  reset(): void {
    this.s0 = 0;
    this.s1 = 0;
    this.s2 = 0;
    this.s3 = 0;
    this.finished = false;
  }
}

/**
 * Chooses noble's table of 4-bit windows: the one of 8 bits, for more than 64 KiB, hashes a tenth faster and takes six times as
 * long to make and eight times the memory, for each direction of each connection.
 */
const GHASH_EXPECTED = 64 * 1024;
