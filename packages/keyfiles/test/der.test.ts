import { expectError } from "@nacre/testing/errors";
import { concatBytes, equalBytes, SshError } from "@nacre/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DerReader, der, looksLikeSequence } from "../src/der.ts";

const read = (...bytes: number[]): DerReader => new DerReader(Uint8Array.from(bytes), "test");

describe("DER", () => {
  test("reads back integers of any size", () => {
    const anyInteger = fc.oneof(fc.bigInt({ min: 0n, max: 2n ** 70n }), fc.bigInt({ min: 0n, max: 2n ** 4100n }));
    fc.assert(
      fc.property(anyInteger, (value) => {
        const reader = new DerReader(der.integer(value), "test");
        expect(reader.integer("value")).toBe(value);
        reader.end();
      }),
    );
  });

  test("reads back bytes of any length in every type of container", () => {
    const lengths = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.constantFrom(127, 128, 255, 256, 65535, 65536));
    fc.assert(
      fc.property(lengths, (length) => {
        const bytes = new Uint8Array(length).fill(length);
        const wrapped = der.sequence(der.octets(bytes), der.explicit(1, der.bits(bytes)), der.null());
        expect(looksLikeSequence(wrapped)).toBe(true);
        expect(looksLikeSequence(wrapped.subarray(1))).toBe(false);
        expect(looksLikeSequence(concatBytes(wrapped, bytes, Uint8Array.of(1)))).toBe(false);
        const outer = new DerReader(wrapped, "test");
        const inner = outer.sequence("outer");
        outer.end();
        expect(equalBytes(inner.octets("octets"), bytes)).toBe(true);
        expect(inner.explicit(0, "absent")).toBeUndefined();
        expect(equalBytes(inner.explicit(1, "explicit")!.bits("bits"), bytes)).toBe(true);
        inner.null("null");
        inner.end();
      }),
      { numRuns: 50 },
    );
  });

  test("reads back object identifiers", () => {
    const arc = fc.integer({ min: 0, max: 2 ** 24 - 1 });
    const start = fc.oneof(
      fc.tuple(fc.constantFrom(0, 1), fc.integer({ min: 0, max: 39 })),
      fc.tuple(fc.constant(2), fc.integer({ min: 0, max: 1000 })),
    );
    fc.assert(
      fc.property(start, fc.array(arc, { maxLength: 8 }), (first, rest) => {
        const dotted = [...first, ...rest].join(".");
        expect(new DerReader(der.oid(dotted), "test").oid("oid")).toBe(dotted);
      }),
    );
    expect(der.oid("1.2.840.113549.1.1.1")).toEqual(Uint8Array.of(6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1));
  });

  test.each([
    ["a missing value", () => read().integer("x")],
    ["another tag", () => read(4, 1, 0).integer("x")],
    ["no length", () => read(2).integer("x")],
    ["an empty integer", () => read(2, 0).integer("x")],
    ["a needless zero", () => read(2, 2, 0, 1).integer("x")],
    ["a negative integer", () => read(2, 1, 0x80).integer("x")],
    ["a long form for a short length", () => read(2, 0x81, 1, 1).integer("x")],
    ["a length with a needless zero", () => read(4, 0x82, 0, 0x80, ...new Uint8Array(128)).octets("x")],
    ["the indefinite form", () => read(0x30, 0x80, 0, 0).sequence("x")],
    ["a length of five bytes", () => read(4, 0x85, 0, 0, 0, 0, 1, 1).octets("x")],
    ["a truncated length", () => read(4, 0x82, 1).octets("x")],
    ["a huge length", () => read(4, 0x84, 0xff, 0xff, 0xff, 0xff, 0).octets("x")],
    ["one byte too few", () => read(4, 2, 0).octets("x")],
    ["unused bits", () => read(3, 2, 1, 0).bits("x")],
    ["an empty bit string", () => read(3, 0).bits("x")],
    ["a NULL that is not empty", () => read(5, 1, 0).null("x")],
    ["an empty identifier", () => read(6, 0).oid("x")],
    ["a truncated arc", () => read(6, 2, 0x2a, 0x86).oid("x")],
    ["an arc with a needless byte", () => read(6, 3, 0x2a, 0x80, 1).oid("x")],
    ["an arc that is too large", () => read(6, 12, 0x2a, ...new Uint8Array(10).fill(0xff), 1).oid("x")],
    ["a number above its maximum", () => read(2, 1, 2).number("x", 1)],
    ["bytes left over", () => read(5, 0).end()],
  ])("rejects with file-malformed: %s", (_, run) => {
    expectError("file-malformed", run);
  });

  test("returns a value or throws file-malformed for any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        for (const method of ["integer", "octets", "bits", "oid", "null", "sequence"] as const) {
          try {
            new DerReader(bytes, "test")[method]("x");
          } catch (error) {
            expect(error).toBeInstanceOf(SshError);
          }
        }
        looksLikeSequence(bytes);
      }),
    );
  });
});
