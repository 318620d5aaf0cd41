import { createCipheriv } from "node:crypto";
import { describe, expect, it } from "vitest";
import { AES_BLOCK, AesCtrStream } from "../src/noble-aes.ts";

const key = Uint8Array.from({ length: 16 }, (_, i) => i);
const BLOCKS = 8;

/** Returns a counter that wraps its last 32 bits after `blocks` blocks. The `ones` bytes before those are 0xff. */
function counterBefore(blocks: number, ones: number): Uint8Array {
  const counter = new Uint8Array(AES_BLOCK).fill(0x5a);
  counter.fill(0xff, 12 - ones, 12);
  new DataView(counter.buffer).setUint32(12, 2 ** 32 - blocks);
  return counter;
}

describe("AesCtrStream carries from the last 32 bits of its 128-bit counter (RFC 4344 §4)", () => {
  for (const ones of [0, 1, 3, 11, 12])
    it(`through ${ones} bytes of 0xff`, () => {
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
