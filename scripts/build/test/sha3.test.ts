import * as noble from "@noble/hashes/sha3.js";
import { expect, test } from "vitest";
import * as native from "../sha3.ts";

const message = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + length) % 251);
const LENGTHS = [0, 1, 32, 33, 71, 72, 135, 136, 137, 167, 168, 169, 1184];

test.each(["sha3_256", "sha3_512"] as const)("%s is noble's", (name) => {
  for (const length of LENGTHS) {
    const data = message(length);
    const digest = native[name](data);
    expect(digest.constructor).toBe(Uint8Array);
    expect(digest).toEqual(noble[name](data));
    const [first, second] = [data.subarray(0, length / 2), data.subarray(length / 2)];
    expect(native[name].create().update(first).update(second).digest()).toEqual(digest);
  }
});

test.each(["shake128", "shake256"] as const)("%s is noble's, with outputs of any length", (name) => {
  expect(native[name].blockLen).toBe(noble[name].blockLen);
  for (const length of LENGTHS)
    for (const dkLen of [1, 32, 128, 192, 1000]) {
      const data = message(length);
      expect(native[name].create({ dkLen }).update(data).digest()).toEqual(
        noble[name].create({ dkLen }).update(data).digest(),
      );
    }
});

test.each(["shake128", "shake256"] as const)("%s is read in pieces, as long as wanted", (name) => {
  const { blockLen } = noble[name];
  const [ours, theirs] = [native, noble].map((module) => module[name].create({}).update(message(34)));
  for (const length of [...Array.from({ length: 12 }, () => blockLen), 1, 5000]) {
    const out = new Uint8Array(length);
    expect(ours!.xofInto(out)).toBe(out);
    expect(out).toEqual(theirs!.xofInto(new Uint8Array(length)));
  }
});
