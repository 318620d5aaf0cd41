import { poly1305 } from "@noble/ciphers/_poly1305.js";
import { expect, test } from "vitest";
import { poly1305Tag } from "../src/noble-poly1305.ts";

test("poly1305Tag returns the same tag as noble for any length and offset in the slab", () => {
  const slab = Uint8Array.from({ length: 400 }, (_, i) => (i * 37 + 11) & 0xff);
  const key = Uint8Array.from({ length: 32 }, (_, i) => 255 - i);
  const before = slab.slice();
  for (let start = 0; start < 8; start++)
    for (let length = 0; length <= 300; length++)
      expect(poly1305Tag(slab, start, start + length, key)).toEqual(poly1305(slab.slice(start, start + length), key));
  expect(slab).toEqual(before);
});
