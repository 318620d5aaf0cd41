import { expectError } from "@nacre/testing/errors";
import { toHex } from "@nacre/wire";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodePath, encodePath } from "../src/index.ts";

describe("the text of a path", () => {
  it("becomes the same bytes again, for any bytes except NUL", () => {
    const bytes = fc.uint8Array({ min: 1, maxLength: 60 });
    const mostlyUtf8 = fc.tuple(fc.string({ unit: "grapheme", maxLength: 20 }), bytes).map(([text, tail]) => {
      const clean = text.replace(/[\0\ud800-\udfff]/gu, "");
      return Uint8Array.of(...encodePath(clean), ...tail, ...encodePath(clean));
    });
    fc.assert(
      fc.property(fc.oneof(bytes, mostlyUtf8), (path) => {
        expect(toHex(encodePath(decodePath(path)))).toBe(toHex(path));
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    ["US-ASCII", "/etc/motd", "2f6574632f6d6f7464"],
    ["UTF-8", "ü€\u{1f511}", "c3bce282acf09f9491"],
    ["a Latin-1 byte between letters", "a\udcfcb", "61fc62"],
    ["each byte of an encoded surrogate", "\udced\udca0\udc80", "eda080"],
    ["each byte of an overlong slash", "\udcc0\udcaf", "c0af"],
    ["a character that is cut off", "\udce2\udc82", "e282"],
    ["a lone byte before a whole character", "\udcc3ü", "c3c3bc"],
  ])("shows %s", (_, text, hex) => {
    const bytes = Uint8Array.from(hex.match(/../g)!, (digits) => Number.parseInt(digits, 16));
    expect(decodePath(bytes)).toBe(text);
    expect(toHex(encodePath(text))).toBe(hex);
  });

  it("decodes more than 1024 bytes, and all 256 bytes except NUL", () => {
    expect(decodePath(new Uint8Array(3000).fill(0x61))).toBe("a".repeat(3000));
    const all = Uint8Array.from({ length: 255 }, (_, i) => i + 1);
    expect(toHex(encodePath(decodePath(all)))).toBe(toHex(all));
  });

  it("must not contain NUL, which ends a path for the server", () => {
    expectError("usage", () => encodePath("a\0b"));
  });

  it.each(["\ud800", "\udc2f", "\udc7f", "\udd00", "a\udfffb"])(
    "must not contain a lone surrogate that names no byte from 0x80: %j",
    (text) => {
      expectError("usage", () => encodePath(text));
    },
  );
});
