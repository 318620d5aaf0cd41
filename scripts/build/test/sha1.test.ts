import { sha1 as noble } from "@noble/hashes/legacy.js";
import { expect, test } from "vitest";
import { sha1 } from "../sha1.ts";

test("the command's SHA-1 is noble's", () => {
  for (const length of [0, 1, 55, 56, 64, 1000]) {
    const data = new Uint8Array(length).fill(length);
    expect(Uint8Array.from(sha1(data))).toEqual(noble(data));
  }
});
