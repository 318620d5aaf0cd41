import { createCipheriv } from "node:crypto";
import { describe, expect, it } from "vitest";
import { AES_BLOCK, AesCtrStream } from "../src/noble-aes.ts";

const key = Uint8Array.from({ length: 16 }, (_, i) => i);
const BLOCKS = 8;

/** A counter whose last 32 bits end after so many blocks, behind so many bytes of ones. */
function counterBefore(blocks: number, ones: number): Uint8Array {
  const counter = new Uint8Array(AES_BLOCK).fill(0x5a);
  counter.fill(0xff, 12 - ones, 12);
  new DataView(counter.buffer).setUint32(12, 2 ** 32 - blocks);
  return counter;
}

describe("an AES-CTR stream counts in all 128 bits, wherever the last 32 end (RFC 4344 §4)", () => {
  for (const ones of [0, 1, 3, 11, 12])
    it(`with ${ones} bytes of ones before them`, () => {
      for (let before = 1; before <= BLOCKS + 1; before++) {
        const iv = counterBefore(before, ones);
        const expected = createCipheriv("aes-128-ctr", key, iv).update(new Uint8Array(BLOCKS * AES_BLOCK));
        for (let step = 1; step <= BLOCKS; step++) {
          const stream = new AesCtrStream(key, iv);
          const slab = new Uint8Array(BLOCKS * AES_BLOCK);
          for (let at = 0; at < slab.length; at += step * AES_BLOCK)
            stream.apply(slab, at, Math.min(slab.length, at + step * AES_BLOCK));
          expect([before, step, slab]).toEqual([before, step, Uint8Array.from(expected)]);
        }
      }
    });
});
