import { bytesToBigInt, type RandomSource, SshError } from "@nacre/wire";
import type { PrivateKey, RsaFields } from "./key.ts";
import { bitLength, gcd, millerRabin, modInverse } from "./modular.ts";
import { privateKeyOf } from "./rsa.ts";

const E = 65537n;

/**
 * Makes an RSA key with a modulus of `bits` bits, 2048 to 16384, in steps, so that the caller can do other work in between: a step is at most one
 * exponentiation by a number of half that size (milliseconds for 3072 bits). Probable primes by FIPS 186-5 §A.1.3, exponent 65537.
 * Throws at once: `key-weak` for another size, `usage` if it is not an integer. A step throws `usage` when `random` is seen not to be random.
 */
export function generateRsa(bits: number, random: RandomSource): Generator<void, PrivateKey> {
  if (!Number.isInteger(bits))
    throw new SshError("usage", `the size of an RSA key is a whole number of bits, not ${bits}`);
  if (bits < 2048 || bits > 16384)
    throw new SshError(
      "key-weak",
      `an RSA key of ${bits} bits is not made: choose 2048 to 16384, 3072 being the usual size`,
    );
  return generateKey(bits, random);
}

function* generateKey(bits: number, random: RandomSource): Generator<void, PrivateKey> {
  return privateKeyOf(yield* generateRsaFields(bits, random));
}

/** As {@link generateRsa}, for any size from 256 bits on, which tests need. */
export function* generateRsaFields(bits: number, random: RandomSource): Generator<void, RsaFields> {
  const divisors = trialDivisors();
  for (;;) {
    const p = yield* generatePrime(Math.ceil(bits / 2), divisors, random);
    const q = yield* generatePrime(Math.floor(bits / 2), divisors, random);
    // FIPS 186-5 §A.1.3: primes close to each other are found by Fermat's method, and a small d by Wiener's.
    const distance = p > q ? p - q : q - p;
    if (bitLength(distance) <= bits / 2 - 100) continue;
    const d = modInverse(E, ((p - 1n) * (q - 1n)) / gcd(p - 1n, q - 1n));
    if (d <= 1n << BigInt(Math.ceil(bits / 2))) continue;
    return { format: "ssh-rsa", n: p * q, e: E, d, p, q, iqmp: modInverse(q, p) };
  }
}

/** A prime of exactly `bits` bits whose predecessor has no factor in common with e. */
function* generatePrime(
  bits: number,
  divisors: readonly TrialDivisor[],
  random: RandomSource,
): Generator<void, bigint> {
  const bytes = Math.ceil(bits / 8);
  // Two bits at the top make the product of two such primes as long as it should be; it is above √2·2^(bits−1), as FIPS 186-5 asks.
  const fixed = (3n << BigInt(bits - 2)) | 1n;
  // FIPS 186-5 §A.1.3 asks for 5 rounds at 1024 bits and 4 from 1536 on; smaller primes are made by tests only.
  const rounds = bits >= 1024 ? 5 : 40;
  // A random source that works misses in all of these with a probability below 2⁻⁴⁰.
  for (let attempt = 0; attempt < 10 * bits; attempt++) {
    // Each candidate is drawn anew, as in the standard: a search upwards from one start would prefer primes after long gaps.
    const candidate = (bytesToBigInt(random(bytes)) >> BigInt(8 * bytes - bits)) | fixed;
    yield;
    if (hasSmallFactor(candidate, divisors) || (candidate - 1n) % E === 0n) continue;
    if (yield* millerRabin(candidate, rounds, random)) return candidate;
  }
  throw new SshError("usage", "no prime was found: the random source repeats itself");
}

/** Some primes, and their product: one division of a large number by the product serves them all. */
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

/** The odd primes below 10,000, by the sieve of Eratosthenes, in groups whose product is exact in a `number`. */
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
