import { equalBytes } from "@nacre/wire";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesOf, clearPacket, keysFor, readAll, readerFor, takeAll, writerFor } from "./packets.ts";
import { type CipherSet, suitesOf } from "./suites.ts";
import { twinSealer } from "./twin.ts";

/** Defines tests that compare packets with the independent implementation based on `node:crypto`. */
export function twinCases(set: CipherSet): void {
  const { aes128Ctr, aes128Gcm, hmacSha256 } = set;

  describe.each(suitesOf(set))("$name", (suite) => {
    const keys = keysFor(suite);

    it("seals like node:crypto at any sequence number", () => {
      fc.assert(
        fc.property(
          fc.array(fc.integer({ min: 1, max: 2000 }), { minLength: 1, maxLength: 5 }),
          fc.oneof(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.integer({ min: 2 ** 32 - 4, max: 2 ** 32 - 1 })),
          (sizes, first) => {
            const writer = writerFor(suite, keys, first);
            const clear = suite.cipher.createSealer(keys, suite.mac);
            const twin = twinSealer(suite.cipher.name, suite.mac?.name, keys);
            const plain = writerFor(
              {
                ...suite,
                cipher: { ...suite.cipher, createSealer: () => ({ ...clear, tagLength: 0, seal: () => {} }) },
              },
              keys,
            );
            for (const [i, size] of sizes.entries()) {
              writer.write(bytesOf(`${i}`, size));
              plain.write(bytesOf(`${i}`, size));
              const expected = twin((first + i) % 2 ** 32, takeAll(plain));
              expect(equalBytes(takeAll(writer), expected)).toBe(true);
            }
          },
        ),
        { numRuns: 20 },
      );
    });
  });

  describe("counters", () => {
    it("carry through all 128 bits of AES-CTR", () => {
      const suite = { name: "", cipher: aes128Ctr, mac: hmacSha256 };
      for (const ones of [1, 4, 8, 12, 16]) {
        const iv = new Uint8Array(16).fill(0xff, 16 - ones);
        const keys = { ...keysFor(suite), iv };
        const writer = writerFor(suite, keys);
        const reader = readerFor(suite, keys);
        const twin = twinSealer("aes128-ctr", "hmac-sha2-256", keys);
        for (let i = 0; i < 3; i++) {
          writer.write(bytesOf(`${i}`, 30));
          const sealed = takeAll(writer);
          reader.push(sealed);
          const payload = reader.next();
          expect(payload).toEqual(bytesOf(`${i}`, 30));
          const clear = new Uint8Array(sealed.length - 32);
          clear.set([0, 0, 0, clear.length - 4, clear.length - 35]);
          clear.set(payload ?? [], 5);
          // The test does not know the padding, so it compares only the blocks before it.
          expect(twin(i, clear).subarray(0, 32)).toEqual(Buffer.from(sealed.subarray(0, 32)));
        }
      }
    });

    it("keep GCM's 4 fixed bytes when the invocation counter wraps (RFC 5647 §7.1)", () => {
      const suite = { name: "", cipher: aes128Gcm, mac: undefined };
      for (const ones of [1, 4, 8]) {
        const iv = new Uint8Array(12).fill(0xff, 12 - ones);
        const keys = { ...keysFor(suite), iv };
        const reader = readerFor(suite, keys);
        const twin = twinSealer(suite.cipher.name, undefined, keys);
        for (let i = 0; i < 3; i++) reader.push(twin(i, clearPacket(16, 4, 16)));
        expect(readAll(reader).length).toBe(3);
      }
    });
  });
}
