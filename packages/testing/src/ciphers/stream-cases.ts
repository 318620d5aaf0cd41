import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesOf, keysFor, readAll, readerFor, takeAll, writerFor } from "./packets.ts";
import { type CipherSet, suitesOf, twinSealer } from "./twin.ts";

/** Tests of packet streams: compared with the independent implementation, and split at any byte. */
export function streamCases(set: CipherSet): void {
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
              expect(Buffer.from(takeAll(writer)).equals(expected)).toBe(true);
            }
          },
        ),
        { numRuns: 20 },
      );
    });

    it("opens a stream of packets split at any byte", () => {
      const sizes = [1, 20, 4, 60];
      const writer = writerFor(suite, keys);
      for (const [i, size] of sizes.entries()) writer.write(bytesOf(`${i}`, size));
      const bytes = takeAll(writer);
      const expected = sizes.map((size, i) => bytesOf(`${i}`, size));
      for (let cut = 0; cut <= bytes.length; cut++) {
        const reader = readerFor(suite, keys);
        reader.push(bytes.subarray(0, cut));
        const first = readAll(reader);
        reader.push(bytes.subarray(cut));
        expect([...first, ...readAll(reader)]).toEqual(expected);
      }
    });

    it("opens its own packets of 1 to 35000 bytes in any chunks, without changing earlier payloads", () => {
      fc.assert(
        fc.property(
          fc.array(fc.oneof(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 35_000 })), {
            minLength: 1,
            maxLength: 8,
          }),
          fc.array(fc.integer({ min: 1, max: 66_000 }), { minLength: 1, maxLength: 5 }),
          (sizes, chunks) => {
            const writer = writerFor(suite, keys);
            const sent = sizes.map((size, i) => bytesOf(`${i}`, size));
            for (const payload of sent) writer.write(payload);
            const bytes = takeAll(writer);
            const reader = readerFor(suite, keys);
            const got: Uint8Array[] = [];
            for (let at = 0, i = 0; at < bytes.length; i++) {
              const size = Math.max(chunks[i % chunks.length] ?? 0, 50);
              const chunk = bytes.slice(at, at + size);
              reader.push(chunk);
              chunk.fill(0);
              got.push(...readAll(reader));
              at += size;
            }
            expect(Buffer.concat(got).equals(Buffer.concat(sent))).toBe(true);
            expect(got.map((payload) => payload.length)).toEqual(sizes);
          },
        ),
        { numRuns: 8 },
      );
    });

    it("opens every payload length from 1 to 300", () => {
      const writer = writerFor(suite, keys);
      const reader = readerFor(suite, keys);
      for (let size = 1; size <= 300; size++) {
        writer.write(bytesOf("payload", size));
        reader.push(takeAll(writer));
        expect(Buffer.from(reader.next() ?? []).equals(bytesOf("payload", size))).toBe(true);
      }
    });
  });
}
