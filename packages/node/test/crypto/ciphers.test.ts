import * as noble from "@nacre/ciphers";
import { attackCases } from "@nacre/testing/ciphers/attack-cases";
import { bytesOf, keysFor, readAll, readerFor, takeAll, writerFor } from "@nacre/testing/ciphers/packets";
import { streamCases } from "@nacre/testing/ciphers/stream-cases";
import { suitesOf } from "@nacre/testing/ciphers/suites";
import { vectorCases } from "@nacre/testing/ciphers/vector-cases";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as aesCtr from "../../src/crypto/aes-ctr.ts";
import * as aesGcm from "../../src/crypto/aes-gcm.ts";
import { chacha20Poly1305 } from "../../src/crypto/chacha20-poly1305.ts";
import * as hmac from "../../src/crypto/hmac.ts";

const node = { ...aesCtr, ...aesGcm, ...hmac, chacha20Poly1305 };

// Each cipher on node:crypto must behave like noble's.
vectorCases(node);
streamCases(node);
attackCases(node);

const twins = suitesOf(node).map((suite, i) => ({ name: suite.name, suite, twin: suitesOf(noble)[i]! }));

describe.each(twins)("$name and its noble twin", ({ suite, twin }) => {
  it("have the same properties", () => {
    const keys = keysFor(suite);
    const said = ({ cipher, mac }: typeof suite): unknown =>
      [cipher, mac ?? {}, cipher.createSealer(keys, mac), cipher.createOpener(keys, mac)].map(facts);
    expect(said(suite)).toEqual(said(twin));
  });

  it("seal equal packets and open each other's, for any keys and sequence numbers", () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.array(fc.integer({ min: 1, max: 33_000 }), { minLength: 1, maxLength: 5 }),
        fc.oneof(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.integer({ min: 2 ** 32 - 4, max: 2 ** 32 - 1 })),
        (label, sizes, first) => {
          const keys = keysFor(suite, label);
          const payloads = sizes.map((size, i) => bytesOf(`${label} ${i}`, size));
          const sealed = [suite, twin].map((one) => {
            const writer = writerFor(one, keys, first);
            for (const payload of payloads) writer.write(payload);
            return takeAll(writer);
          });
          expect(Buffer.compare(sealed[0]!, sealed[1]!)).toBe(0);
          for (const one of [suite, twin]) {
            const reader = readerFor(one, keys, first);
            reader.push(sealed[0]!);
            const opened = readAll(reader);
            expect(Buffer.concat(opened).equals(Buffer.concat(payloads))).toBe(true);
            // Payloads must be plain Uint8Arrays, because callers rely on `slice` copying.
            for (const payload of opened) expect(Object.getPrototypeOf(payload)).toBe(Uint8Array.prototype);
          }
        },
      ),
      { numRuns: 15 },
    );
  });

  it("copy their keys", () => {
    const [before, after] = [false, true].map((wiped) => {
      const given = keysFor(suite);
      const writer = writerFor(suite, given);
      if (wiped) for (const part of [given.key, given.iv, given.macKey]) part.fill(0);
      writer.write(bytesOf("payload", 50));
      writer.write(bytesOf("payload", 50));
      return takeAll(writer);
    });
    expect(before).toEqual(after);
    const given = keysFor(suite);
    const reader = readerFor(suite, given);
    for (const part of [given.key, given.iv, given.macKey]) part.fill(0);
    reader.push(before!);
    expect(readAll(reader)).toEqual([bytesOf("payload", 50), bytesOf("payload", 50)]);
  });
});

/** Returns an object's properties that are not functions. */
function facts(object: object): unknown {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => typeof value !== "function"));
}
