import { toHex } from "@nacre/wire";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { derOfScalars, scalarsOfDer } from "../../src/crypto/ecdsa-der.ts";

/** Of that many bytes, the last of which is the value. */
function scalar(size: number, ...last: number[]): number[] {
  return [...Array.from({ length: size - last.length }, () => 0), ...last];
}

test.each([
  ["small numbers lose their leading zeros", scalar(32, 1), scalar(32, 0x7f), "300602010102017f"],
  ["a high bit gets a zero before it", scalar(32, 0x80), scalar(32, 1, 0), "30080202008002020100"],
])("%s", (_, r, s, der) => {
  const scalars = Uint8Array.of(...r, ...s);
  expect(toHex(derOfScalars(scalars))).toBe(der);
  expect(scalarsOfDer(derOfScalars(scalars), 32)).toEqual(scalars);
});

test("numbers of P-521 take a length of two bytes", () => {
  const scalars = new Uint8Array(132).fill(1);
  expect(toHex(derOfScalars(scalars).subarray(0, 6))).toBe("308188024201");
  expect(scalarsOfDer(derOfScalars(scalars), 66)).toEqual(scalars);
});

test.each([32, 48, 66])("scalars of %i bytes come back from their DER", (size) => {
  const bytes = fc.uint8Array({ minLength: 2 * size, maxLength: 2 * size });
  fc.assert(
    fc.property(bytes, (scalars) => {
      // Neither is zero.
      scalars[size - 1]! |= 1;
      scalars[2 * size - 1]! |= 1;
      expect(scalarsOfDer(derOfScalars(scalars), size)).toEqual(scalars);
    }),
  );
});
