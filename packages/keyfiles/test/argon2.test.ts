import { finish } from "@nacre/testing/keyfiles";
import { toHex, utf8Encode } from "@nacre/wire";
import { argon2d, argon2i, argon2id } from "@noble/hashes/argon2.js";
import { describe, expect, test } from "vitest";
import { type Argon2Costs, argon2 } from "../src/argon2.ts";

const TWINS = { Argon2d: argon2d, Argon2i: argon2i, Argon2id: argon2id };

describe("Argon2 equals", () => {
  test.each([
    ["Argon2d", "512b391b6f1162975371d30919734294f868e3be3984f3c1a13a4db9fabe4acb"],
    ["Argon2i", "c814d9d1dc7f37aa13f0d77f2494bda1c8de6b016dd388d29952a4c4672b6ce8"],
    ["Argon2id", "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"],
  ] as const)("the vector of RFC 9106 §5 for %s", (kind, tag) => {
    const inputs = {
      passphrase: new Uint8Array(32).fill(1),
      salt: new Uint8Array(16).fill(2),
      secret: new Uint8Array(8).fill(3),
      associatedData: new Uint8Array(12).fill(4),
    };
    expect(toHex(finish(argon2(inputs, { kind, memory: 32, passes: 3, lanes: 4 }, 32)))).toBe(tag);
  });

  const costs: readonly Argon2Costs[] = (["Argon2d", "Argon2i", "Argon2id"] as const).flatMap((kind) => [
    { kind, memory: 8, passes: 1, lanes: 1 },
    { kind, memory: 1031, passes: 2, lanes: 1 },
    { kind, memory: 100, passes: 3, lanes: 3 },
  ]);

  test.each(costs)("an independent implementation: $kind, $memory KiB, $passes passes, $lanes lanes", (one) => {
    const salt = utf8Encode("salt of 16 bytes");
    for (const length of [4, 32, 64, 65, 80, 128, 200]) {
      const ours = finish(argon2({ passphrase: utf8Encode("päss"), salt }, one, length));
      const options = { m: one.memory, t: one.passes, p: one.lanes, dkLen: length };
      expect(toHex(ours)).toBe(toHex(TWINS[one.kind]("päss", salt, options)));
    }
  });
});

test("Argon2 yields at least every 256 KiB", () => {
  const inputs = { passphrase: utf8Encode("p"), salt: new Uint8Array(16) };
  const steps = argon2(inputs, { kind: "Argon2id", memory: 1024, passes: 2, lanes: 1 }, 80);
  let yields = 0;
  while (steps.next().done !== true) yields++;
  expect(yields).toBeGreaterThanOrEqual(7);
});
