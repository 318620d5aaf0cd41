import { toHex } from "@nacre/wire";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { derOfScalars, scalarsOfDer } from "../../src/crypto/ecdsa-der.ts";

/** Returns a scalar of `size` bytes whose last byte is `value`. */
function scalar(size: number, ...last: number[]): number[] {
  return [...Array.from({ length: size - last.length }, () => 0), ...last];
}

test.each([
  ["drops leading zeros of small numbers", scalar(32, 1), scalar(32, 0x7f), "300602010102017f"],
  ["adds a zero byte before a set high bit", scalar(32, 0x80), scalar(32, 1, 0), "30080202008002020100"],
])("%s", (_, r, s, der) => {
  const scalars = Uint8Array.of(...r, ...s);
  expect(toHex(derOfScalars(scalars))).toBe(der);
  expect(scalarsOfDer(derOfScalars(scalars), 32)).toEqual(scalars);
});

test("encodes the length of P-521 scalars in two bytes", () => {
  const scalars = new Uint8Array(132).fill(1);
  expect(toHex(derOfScalars(scalars).subarray(0, 6))).toBe("308188024201");
  expect(scalarsOfDer(derOfScalars(scalars), 66)).toEqual(scalars);
});

test.each([32, 48, 66])("decodes scalars of %i bytes from their DER", (size) => {
  const bytes = fc.uint8Array({ minLength: 2 * size, maxLength: 2 * size });
  fc.assert(
    fc.property(bytes, (scalars) => {
      // Neither scalar may be zero.
      scalars[size - 1]! |= 1;
      scalars[2 * size - 1]! |= 1;
      expect(scalarsOfDer(derOfScalars(scalars), size)).toEqual(scalars);
    }),
  );
});
