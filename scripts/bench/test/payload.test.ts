import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { block, payloadDigest } from "../bulk/payload.ts";
import { BLOCK_LENGTH, piecesOf } from "../bulk/pieces.ts";
import { printedBy } from "../tasks.ts";

test("repeats the block in pieces of at most the given length", () => {
  const bytes = 2 * BLOCK_LENGTH + 5;
  const pieces = [...piecesOf(block, bytes, 65_536)];
  expect(Math.max(...pieces.map(({ length }) => length))).toBe(65_536);
  expect(Buffer.concat(pieces).equals(Buffer.concat([block, block, block.subarray(0, 5)]))).toBe(true);
});

test("returns the digest of the payload", () => {
  const expected = createHash("sha256").update(block).update(block.subarray(0, 1)).digest("hex");
  expect(payloadDigest(BLOCK_LENGTH + 1)).toBe(expected);
});

test("reads the output of `wc -c` and of `sha256sum`", () => {
  expect(printedBy("123\n", false)).toEqual({ bytes: 123, sha256: undefined });
  expect(printedBy("abc  -\n", true)).toEqual({ bytes: undefined, sha256: "abc" });
});
