import { readUint32 } from "@nacre/wire";
import { GHASH } from "@noble/ciphers/_polyval.js";
import { unsafe } from "@noble/ciphers/aes.js";

/*
 * Only unstable APIs of noble keep state between packets. For AES, they are used in this file only, and the version of noble is pinned.
 */

/** Length of an AES block in bytes. */
export const AES_BLOCK = 16;

/**
 * AES in counter mode as one stream for all packets of a direction (RFC 4344 §4). Expands the key once. The 128-bit big-endian counter
 * continues from packet to packet. Encryption and decryption are the same operation.
 */
export class AesCtrStream {
  readonly #key: Uint32Array;
  readonly #counter: Uint8Array;

  /** `key`: 16, 24 or 32 bytes. `iv`: the first counter block, 16 bytes. Copies both. */
  constructor(key: Uint8Array, iv: Uint8Array) {
    this.#key = unsafe.expandKeyLE(key);
    this.#counter = iv.slice();
  }

  /** Encrypts or decrypts the whole blocks `[start, end)` in place. `start` must be 4-byte aligned in memory. */
  apply(slab: Uint8Array, start: number, end: number): void {
    const counter = this.#counter;
    // A 32-bit counter in noble is 10 % faster than a 128-bit one. So noble counts the last 32 bits, and this code carries.
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

/** Increments the upper 96 bits of the counter, after the lower 32 bits wrapped to 0. */
function carry(counter: Uint8Array): void {
  for (let i = AES_BLOCK - 5; i >= 0; i--) {
    counter[i]!++;
    if (counter[i] !== 0) return;
  }
}

/** The two parts of AES-GCM, counter mode and GHASH, each keyed once (NIST SP 800-38D §7). */
export class AesGcmCore {
  readonly #key: Uint32Array;
  readonly #ghash: GHASH;
  /** J: the nonce, then a 32-bit counter. */
  readonly #counter = new Uint8Array(AES_BLOCK);
  readonly #mask = new Uint8Array(AES_BLOCK);
  readonly #lengths = new Uint8Array(AES_BLOCK);
  readonly #lengthsData = new DataView(this.#lengths.buffer);

  /** `key`: 16 or 32 bytes. Copies it. */
  constructor(key: Uint8Array) {
    this.#key = unsafe.expandKeyLE(key);
    const hashKey = unsafe.encryptBlock(this.#key, new Uint8Array(AES_BLOCK));
    this.#ghash = new GHASH(hashKey, GHASH_EXPECTED);
  }

  /** Starts a packet with a nonce of 12 bytes. Then call `tag` and `apply` once each. */
  begin(nonce: Uint8Array): void {
    const counter = this.#counter;
    counter.set(nonce);
    counter.fill(0, 12);
    counter[15] = 1;
    this.#mask.set(counter);
    unsafe.encryptBlock(this.#key, this.#mask);
    counter[15] = 2;
  }

  /** Encrypts or decrypts in place. `text` must be 4-byte aligned in memory. */
  apply(text: Uint8Array): void {
    unsafe.ctr32(this.#key, false, this.#counter, text, text);
  }

  /** Writes the tag of a packet to `out`: 16 bytes, 4-byte aligned in memory. */
  tag(additional: Uint8Array, ciphertext: Uint8Array, out: Uint8Array): void {
    this.#lengthsData.setUint32(4, additional.length * 8);
    this.#lengthsData.setUint32(12, ciphertext.length * 8);
    reset(this.#ghash);
    this.#ghash.update(additional).update(ciphertext).update(this.#lengths).digestInto(out);
    for (let i = 0; i < AES_BLOCK; i++) out[i]! ^= this.#mask[i]!;
  }
}

/**
 * Prepares GHASH for the next packet. Keeps its multiplication table: to make that takes longer than to hash most packets. Writes protected
 * fields, because a subclass would load noble with this module.
 */
function reset(ghash: GHASH): void {
  ghash["s0"] = 0;
  ghash["s1"] = 0;
  ghash["s2"] = 0;
  ghash["s3"] = 0;
  ghash["finished"] = false;
}

/**
 * Expected length that makes noble use a table of 4-bit windows. Above 64 KiB, noble uses 8-bit windows. They
 * hash 10 % faster, but cost six times the setup time and eight times the memory, per direction and connection.
 */
const GHASH_EXPECTED = 64 * 1024;
