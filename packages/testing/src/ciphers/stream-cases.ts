import { concatBytes, equalBytes } from "@nacre/wire";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesOf, keysFor, readAll, readerFor, takeAll, writerFor } from "./packets.ts";
import { type CipherSet, suitesOf } from "./suites.ts";

/** Tests of packet streams split at any byte. */
export function streamCases(set: CipherSet): void {
  describe.each(suitesOf(set))("$name", (suite) => {
    const keys = keysFor(suite);

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
            expect(equalBytes(concatBytes(...got), concatBytes(...sent))).toBe(true);
            expect(got.map((payload) => payload.length)).toEqual(sizes);
          },
        ),
        { numRuns: 8 },
      );
    });

    it("returns each payload in a buffer that nothing else uses", () => {
      const sizes = [100, 32_768, 5000, 5000, 1];
      const writer = writerFor(suite, keys);
      const reader = readerFor(suite, keys);
      for (const [i, size] of sizes.entries()) writer.write(bytesOf(`${i}`, size));
      reader.push(takeAll(writer));
      for (const [i, size] of sizes.entries()) {
        const payload = reader.next()!;
        expect(equalBytes(payload, bytesOf(`${i}`, size))).toBe(true);
        structuredClone(payload.buffer, { transfer: [payload.buffer] });
        expect(payload).toHaveLength(0);
      }
    });

    it("opens every payload length from 1 to 300", () => {
      const writer = writerFor(suite, keys);
      const reader = readerFor(suite, keys);
      for (let size = 1; size <= 300; size++) {
        writer.write(bytesOf("payload", size));
        reader.push(takeAll(writer));
        expect(equalBytes(reader.next()!, bytesOf("payload", size))).toBe(true);
      }
    });
  });
}
