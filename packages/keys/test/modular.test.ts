import { expectError } from "@nacre/testing/errors";
import { hashChainRandom } from "@nacre/testing/hash-chain-random";
import { assert, bigInt, integer, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { bitLength, gcd, millerRabin, modInverse, modPow, randomBelow } from "../src/modular.ts";

const random = hashChainRandom("modular");
const large = bigInt({ min: 0n, max: 1n << 600n });

function isPrime(candidate: bigint, rounds = 20): boolean {
  const test = millerRabin(candidate, rounds, random);
  for (;;) {
    const step = test.next();
    if (step.done === true) return step.value;
  }
}

describe("modPow", () => {
  test("equals repeated multiplication", () => {
    assert(
      property(large, integer({ min: 0, max: 70 }), bigInt({ min: 2n, max: 1n << 300n }), (base, exponent, modulus) => {
        let expected = 1n;
        for (let i = 0; i < exponent; i++) expected = (expected * base) % modulus;
        expect(modPow(base, BigInt(exponent), modulus)).toBe(expected);
      }),
    );
  });

  test("equals square-and-multiply for exponents that use the window", () => {
    assert(
      property(large, large, bigInt({ min: 2n, max: 1n << 600n }), (base, exponent, modulus) => {
        let expected = 1n;
        for (const bit of exponent.toString(2).split("")) {
          expected = (expected * expected) % modulus;
          if (bit === "1") expected = (expected * base) % modulus;
        }
        expect(modPow(base, exponent, modulus)).toBe(expected);
      }),
    );
  });

  test("is correct at powers of two and their neighbours, where windows begin and end", () => {
    for (let shift = 60n; shift < 75n; shift++)
      for (const exponent of [1n << shift, (1n << shift) - 1n, (1n << shift) + 1n])
        expect(modPow(3n, exponent, 1_000_003n)).toBe(modPow(3n, exponent % 1_000_002n, 1_000_003n));
  });
});

test("modInverse returns the inverse, or throws if it does not exist", () => {
  assert(
    property(bigInt({ min: 1n, max: 1n << 200n }), bigInt({ min: 2n, max: 1n << 200n }), (value, modulus) => {
      if (gcd(value, modulus) === 1n) {
        const inverse = modInverse(value, modulus);
        expect((inverse * value) % modulus).toBe(1n);
        expect(inverse > 0n && inverse < modulus).toBe(true);
      } else expectError("internal", () => modInverse(value, modulus));
    }),
  );
  expectError("internal", () => modInverse(0n, 7n));
});

test("gcd divides both numbers, and the quotients are coprime", () => {
  expect(gcd(12n, 18n)).toBe(6n);
  assert(
    property(bigInt({ min: 1n, max: 1n << 100n }), bigInt({ min: 1n, max: 1n << 100n }), (a, b) => {
      const divisor = gcd(a, b);
      expect([a % divisor, b % divisor, gcd(a / divisor, b / divisor)]).toEqual([0n, 0n, 1n]);
    }),
  );
});

test("bitLength counts the bits of a number", () => {
  expect([0n, 1n, 2n, 255n, 256n, 1n << 2047n].map(bitLength)).toEqual([0, 1, 2, 8, 9, 2048]);
});

test("randomBelow returns every value below the bound, and no other", () => {
  const seen = Array.from({ length: 200 }, () => randomBelow(5n, random));
  expect(new Set(seen)).toEqual(new Set([0n, 1n, 2n, 3n, 4n]));
});

describe("millerRabin", () => {
  test("agrees with trial division for every odd number below 5,000", () => {
    for (let n = 5; n < 5000; n += 2) {
      let prime = true;
      for (let d = 3; d * d <= n; d += 2) if (n % d === 0) prime = false;
      expect(isPrime(BigInt(n))).toBe(prime);
    }
  });

  test("rejects Carmichael numbers and a strong pseudoprime to the first twelve primes", () => {
    for (const composite of [561n, 1105n, 1729n, 41041n, 825265n, 318665857834031151167461n])
      expect(isPrime(composite)).toBe(false);
    expect(isPrime((1n << 521n) - 1n)).toBe(true);
  });

  test("detects a composite by a square root of 1 other than 1 and −1", () => {
    // 560 = 35·2⁴, and a random source of zeros gives the base 2.
    expect([140n, 280n].map((exponent) => modPow(2n, exponent, 561n))).toEqual([67n, 1n]);
    const round = millerRabin(561n, 1, (length) => new Uint8Array(length));
    expect(round.next()).toEqual({ done: true, value: false });
  });

  test("yields once per round", () => {
    expect([...millerRabin((1n << 127n) - 1n, 7, random)]).toHaveLength(7);
  });
});
