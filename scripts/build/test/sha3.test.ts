import * as noble from "@noble/hashes/sha3.js";
import { expect, test } from "vitest";
import { sha3_256, sha3_512, shake128, shake256 } from "../sha3.ts";

const message = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 7 + length) % 251);
const LENGTHS = [0, 1, 32, 33, 71, 72, 135, 136, 137, 167, 168, 169, 1184];
const FIXED = { sha3_256: [sha3_256, noble.sha3_256], sha3_512: [sha3_512, noble.sha3_512] } as const;
const EXTENDABLE = { shake128: [shake128, noble.shake128], shake256: [shake256, noble.shake256] } as const;

test.each(Object.entries(FIXED))("%s is noble's", (_, [ours, nobles]) => {
  for (const length of LENGTHS) {
    const data = message(length);
    const digest = ours(data);
    expect(digest.constructor).toBe(Uint8Array);
    expect(digest).toEqual(nobles(data));
    const [first, second] = [data.subarray(0, length / 2), data.subarray(length / 2)];
    expect(ours.create().update(first).update(second).digest()).toEqual(digest);
  }
});

test.each(Object.entries(EXTENDABLE))("%s is noble's, with outputs of any length", (_, [ours, nobles]) => {
  expect(ours.blockLen).toBe(nobles.blockLen);
  for (const length of LENGTHS)
    for (const dkLen of [1, 32, 128, 192, 1000]) {
      const digest = ours.create({ dkLen }).update(message(length)).digest();
      expect(digest).toEqual(nobles.create({ dkLen }).update(message(length)).digest());
    }
});

test.each(Object.entries(EXTENDABLE))("%s is read in pieces, up to any length", (_, [ours, nobles]) => {
  const reader = ours.create({}).update(message(34));
  const twin = nobles.create({}).update(message(34));
  for (const length of [...Array.from({ length: 12 }, () => ours.blockLen), 1, 5000]) {
    const out = new Uint8Array(length);
    expect(reader.xofInto(out)).toBe(out);
    expect(out).toEqual(twin.xofInto(new Uint8Array(length)));
  }
});
