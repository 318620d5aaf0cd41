import { bytesToBigInt, type RandomSource, SshError } from "@nacre/wire";
import type { PrivateKey } from "./key.ts";
import { bitLength, gcd, millerRabin, modInverse } from "./modular.ts";
import { privateKeyOf } from "./rsa.ts";
import type { RsaFields } from "./rsa-format.ts";

const E = 65537n;

/**
 * Generates an RSA key with a modulus of `bits` bits, 2048 to 16384, and the public exponent 65537. Its factors are probable primes
 * (FIPS 186-5 §A.1.3). Works in steps so that the caller can do other work in between. A step takes at most one exponentiation with a
 * number of half the modulus's length: milliseconds for 3072 bits.
 *
 * Throws before the first step: `key-weak` for a size out of range, `usage` if `bits` is not an integer. A step throws `usage` if `random`
 * keeps returning the same bytes.
 */
export function generateRsa(bits: number, random: RandomSource): Generator<void, PrivateKey> {
  if (!Number.isInteger(bits)) throw new SshError("usage", `RSA key size in bits must be an integer, got ${bits}`);
  if (bits < 2048 || bits > 16384)
    throw new SshError("key-weak", `invalid size of ${bits} bits for an RSA key; expected 2048 to 16384, usually 3072`);
  return generateKey(bits, random);
}

function* generateKey(bits: number, random: RandomSource): Generator<void, PrivateKey> {
  return privateKeyOf(yield* generateRsaFields(bits, random));
}

/** Does the work of {@link generateRsa}. Accepts any size from 256 bits, since tests use small keys. */
export function* generateRsaFields(bits: number, random: RandomSource): Generator<void, RsaFields> {
  const divisors = trialDivisors();
  for (;;) {
    const p = yield* generatePrime(Math.ceil(bits / 2), divisors, random);
    const q = yield* generatePrime(Math.floor(bits / 2), divisors, random);
    // Fermat's method factors n if the primes are close, and Wiener's attack finds a small d (FIPS 186-5 §A.1.3).
    const distance = p > q ? p - q : q - p;
    if (bitLength(distance) <= bits / 2 - 100) continue;
    const d = modInverse(E, ((p - 1n) * (q - 1n)) / gcd(p - 1n, q - 1n));
    if (d <= 1n << BigInt(Math.ceil(bits / 2))) continue;
    return { format: "ssh-rsa", n: p * q, e: E, d, p, q, iqmp: modInverse(q, p) };
  }
}

/** Generates a prime p of exactly `bits` bits such that p − 1 has no common factor with e. */
function* generatePrime(
  bits: number,
  divisors: readonly TrialDivisor[],
  random: RandomSource,
): Generator<void, bigint> {
  const bytes = Math.ceil(bits / 8);
  // With the two top bits set, the product of two primes has full length, and each prime exceeds √2·2^(bits−1) as FIPS 186-5 requires.
  const fixed = (3n << BigInt(bits - 2)) | 1n;
  // FIPS 186-5 §A.1.3 requires 5 rounds at 1024 bits and 4 from 1536 bits. Only tests generate smaller primes.
  const rounds = bits >= 1024 ? 5 : 40;
  // With a working random source, the probability that every attempt fails is below 2⁻⁴⁰.
  for (let attempt = 0; attempt < 10 * bits; attempt++) {
    // Draw each candidate anew, as the standard does: a search upwards from one start would favour primes after long gaps.
    const candidate = (bytesToBigInt(random(bytes)) >> BigInt(8 * bytes - bits)) | fixed;
    yield;
    if (hasSmallFactor(candidate, divisors) || (candidate - 1n) % E === 0n) continue;
    if (yield* millerRabin(candidate, rounds, random)) return candidate;
  }
  throw new SshError("usage", "cannot find a prime number: the random source repeats itself");
}

/** A group of primes and their product. One division of a large number by the product serves the whole group. */
interface TrialDivisor {
  readonly product: bigint;
  readonly primes: readonly number[];
}

function hasSmallFactor(candidate: bigint, divisors: readonly TrialDivisor[]): boolean {
  return divisors.some(({ product, primes }) => {
    const remainder = Number(candidate % product);
    return primes.some((prime) => remainder % prime === 0);
  });
}

/** Returns the odd primes below 10,000 (sieve of Eratosthenes), grouped so that each product is exact in a `number`. */
function trialDivisors(): TrialDivisor[] {
  const limit = 10_000;
  const composite = new Uint8Array(limit);
  const groups: TrialDivisor[] = [];
  let primes: number[] = [];
  let product = 1;
  for (let n = 3; n < limit; n += 2) {
    if (composite[n] === 1) continue;
    for (let multiple = n * n; multiple < limit; multiple += 2 * n) composite[multiple] = 1;
    if (product * n > Number.MAX_SAFE_INTEGER) {
      groups.push({ product: BigInt(product), primes });
      primes = [];
      product = 1;
    }
    primes.push(n);
    product *= n;
  }
  groups.push({ product: BigInt(product), primes });
  return groups;
}
