import { expectError } from "@nacre/testing/errors";
import { finish, vectors } from "@nacre/testing/keyfiles";
import { toHex, utf8Encode } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import { bcryptPbkdf } from "../src/bcrypt-pbkdf.ts";
import { Blowfish } from "../src/blowfish.ts";
import { piFraction } from "../src/pi.ts";

describe("the digits of π", () => {
  test("begin and end like the tables of Blowfish", () => {
    const hex = piFraction(1042 * 32).toString(16);
    // The first round key, and the first and last word of the S-boxes.
    expect(hex.slice(0, 8)).toBe("243f6a88");
    expect(hex.slice(8 * 18, 8 * 19)).toBe("d1310ba6");
    expect(hex.slice(-8)).toBe("3ac372e6");
  });

  test("do not depend on the requested number of bits", () => {
    const many = piFraction(4096);
    for (const bits of [1, 32, 45, 46, 47, 48, 1000, 2048]) expect(piFraction(bits)).toBe(many >> BigInt(4096 - bits));
  });
});

function words(hex: string): number[] {
  return [0, 8].map((at) => Number.parseInt(hex.slice(at, at + 8), 16) | 0);
}

// Schneier's test vectors. An 8-byte key repeated eight times is equivalent to a 64-byte key.
describe("Blowfish", () => {
  test.each([
    ["0000000000000000", "0000000000000000", "4ef997456198dd78"],
    ["ffffffffffffffff", "ffffffffffffffff", "51866fd5b85ecb8a"],
    ["3000000000000000", "1000000000000001", "7d856f9a613063f2"],
    ["0123456789abcdef", "1111111111111111", "61f9c3802281b096"],
    ["fedcba9876543210", "0123456789abcdef", "0aceab0fc6a0a28d"],
  ])("encrypts under the key %s", (key, plain, cipher) => {
    const blowfish = new Blowfish();
    blowfish.expand(Int32Array.from({ length: 16 }, (_, i) => words(key)[i % 2] ?? 0));
    const block = Int32Array.from([0, 0, ...words(plain)]);
    blowfish.encipher(block, 2);
    expect([...block]).toEqual([0, 0, ...words(cipher)]);
  });
});

describe("bcrypt-pbkdf", () => {
  test.each(vectors.bcryptPbkdf)(
    "derives the key of $passphrase with $rounds rounds",
    ({ passphrase, salt, rounds, key }) => {
      const length = key.length / 2;
      expect(toHex(finish(bcryptPbkdf(utf8Encode(passphrase), utf8Encode(salt), rounds, length)))).toBe(key);
    },
  );

  test("interleaves the bytes of the blocks", () => {
    const [short, two, three] = [32, 48, 65].map((length) =>
      finish(bcryptPbkdf(utf8Encode("p"), utf8Encode("salt"), 1, length)),
    ) as [Uint8Array, Uint8Array, Uint8Array];
    // 48 bytes come from two blocks alternately.
    expect([...two].filter((_, i) => i % 2 === 0)).toEqual([...short.subarray(0, 24)]);
    expect([...three].filter((_, i) => i % 3 === 0)).toEqual([...short.subarray(0, 22)]);
  });

  test("yields four times per hash and does not modify its inputs", () => {
    const passphrase = utf8Encode("secret");
    const salt = utf8Encode("salt");
    const steps = [...bcryptPbkdf(passphrase, salt, 3, 48)];
    expect(steps).toHaveLength(3 * 2 * 4);
    expect([passphrase, salt]).toEqual([utf8Encode("secret"), utf8Encode("salt")]);
  });

  test("rejects invalid arguments", () => {
    const some = utf8Encode("some");
    const none = new Uint8Array();
    for (const [passphrase, salt, rounds, length] of [
      [none, some, 1, 32],
      [some, none, 1, 32],
      [some, some, 0, 32],
      [some, some, 1.5, 32],
      [some, some, Number.NaN, 32],
      [some, some, 1, 0],
      [some, some, 1, 1025],
    ] as const)
      expectError("usage", () => finish(bcryptPbkdf(passphrase, salt, rounds, length)));
  });
});
