import { checkPrimeSync } from "node:crypto";
import { expectError } from "@nacre/testing/errors";
import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import { nodeKeys } from "@nacre/testing/node-keys";
import { bigIntToBytes } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import {
  generateEcdsa,
  generateEd25519,
  generateRsa,
  parsePublicKey,
  privateKeyFromFields,
  rsaSha2_512,
} from "../src/index.ts";
import { bitLength } from "../src/modular.ts";
import { generateRsaFields } from "../src/rsa-generate.ts";

const random = hashChainRandom("generate");

function finish<T>(steps: Generator<void, T>): { value: T; steps: number } {
  for (let count = 1; ; count++) {
    const step = steps.next();
    if (step.done === true) return { value: step.value, steps: count };
  }
}

describe("generateRsa", () => {
  test.each([256, 257, 511, 512, 768, 1024, 1024, 1536, 2048])(
    "%i bits: generates values that satisfy FIPS 186-5",
    (bits) => {
      const { n, e, d, p, q, iqmp } = finish(generateRsaFields(bits, random)).value;
      expect(bitLength(n)).toBe(bits);
      expect([bitLength(p), bitLength(q)]).toEqual([Math.ceil(bits / 2), Math.floor(bits / 2)]);
      expect([p, q].map((prime) => checkPrimeSync(prime, { checks: 30 }))).toEqual([true, true]);
      expect(p * q).toBe(n);
      expect(e).toBe(65537n);
      expect((e * d) % (p - 1n)).toBe(1n);
      expect((e * d) % (q - 1n)).toBe(1n);
      expect((iqmp * q) % p).toBe(1n);
      expect(d > 1n << BigInt(Math.ceil(bits / 2))).toBe(true);
      expect(bitLength(p > q ? p - q : q - p) > bits / 2 - 100).toBe(true);
    },
  );

  test("generates a working 3072-bit key in many steps", () => {
    const { value: key, steps } = finish(generateRsa(3072, random));
    expect(steps).toBeGreaterThan(100);
    expect(key.publicKey.bits).toBe(3072);
    expect(parsePublicKey(key.publicKey.blob)).toEqual(key.publicKey);
    expect(privateKeyFromFields(key.fields).publicKey).toEqual(key.publicKey);
    expect(
      rsaSha2_512.verify(key.publicKey.blob, random(9), key.sign("rsa-sha2-512", random(9), random)),
    ).toBeUndefined();
    const data = random(9);
    expect(rsaSha2_512.verify(key.publicKey.blob, data, key.sign("rsa-sha2-512", data, random))).toEqual({});
    expect(nodeKeys(key).publicKey.asymmetricKeyDetails?.modulusLength).toBe(3072);
  });

  test("gives the same key for the same random bytes, and another key for others", () => {
    const [first, again, other] = ["a", "a", "b"].map(
      (seed) => finish(generateRsaFields(512, hashChainRandom(seed))).value.n,
    );
    expect(again).toBe(first);
    expect(other).not.toBe(first);
  });

  test("rejects an invalid size before the first step", () => {
    for (const bits of [0, -1, 1024, 2047, 16385]) expectError("key-weak", () => generateRsa(bits, random));
    for (const bits of [Number.NaN, 2048.5, Number.POSITIVE_INFINITY])
      expectError("usage", () => generateRsa(bits, random));
  });

  test("skips a prime p if 65537 divides p−1", () => {
    let unfit = (3n << 126n) + 1n;
    unfit += 65537n * 2n - ((unfit - 1n) % (65537n * 2n));
    while (!checkPrimeSync(unfit)) unfit += 65537n * 2n;
    let first = true;
    const { p } = finish(
      generateRsaFields(256, (length) => {
        if (!first) return random(length);
        first = false;
        return bigIntToBytes(unfit, length);
      }),
    ).value;
    expect(p).not.toBe(unfit);
  });

  test("rejects a random source that always returns the same bytes", () => {
    expectError("usage", () => finish(generateRsaFields(256, (length) => new Uint8Array(length))));
  });

  test("takes no random bytes before the first step", () => {
    const steps = generateRsa(2048, () => {
      throw new Error("asked");
    });
    expect(() => steps.next()).toThrow("asked");
  });
});

test("generateEd25519 and generateEcdsa derive the key from the random bytes alone", () => {
  expect(generateEd25519(hashChainRandom("x")).publicKey).toEqual(generateEd25519(hashChainRandom("x")).publicKey);
  expect(generateEd25519(random).publicKey).not.toEqual(generateEd25519(random).publicKey);
  for (const curve of ["nistp256", "nistp384", "nistp521"] as const) {
    const key = generateEcdsa(curve, hashChainRandom(curve));
    expect(key.publicKey).toEqual(generateEcdsa(curve, hashChainRandom(curve)).publicKey);
    expect(key.publicKey).not.toEqual(generateEcdsa(curve, random).publicKey);
    expect(key.publicKey.format).toBe(`ecdsa-sha2-${curve}`);
    expect(privateKeyFromFields(key.fields).publicKey).toEqual(key.publicKey);
  }
});
