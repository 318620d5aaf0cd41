import { bytesToBigInt, type RandomSource, SshError } from "@nacre/wire";

/** Returns the length of a non-negative integer in bits; 0 for 0. */
export function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}

/** Returns a random integer in 0…bound−1. Takes 8 random bytes more than `bound` has, so the bias is below 2⁻⁶⁴ (FIPS 186-5 §A.4.1). */
export function randomBelow(bound: bigint, random: RandomSource): bigint {
  return bytesToBigInt(random(Math.ceil(bitLength(bound) / 8) + 8)) % bound;
}

const WINDOW = 5;

/**
 * Returns base^exponent mod modulus, for base ≥ 0, exponent ≥ 0 and modulus > 1. Not constant-time: with a secret exponent, blind the base.
 * Uses a sliding window over `%`: V8's division measured faster than Montgomery or Barrett reduction written with BigInt.
 */
export function modPow(base: bigint, exponent: bigint, modulus: bigint): bigint {
  const x = base % modulus;
  const bits = exponent.toString(2);
  // The table does not pay off for a short exponent such as 65537.
  const width = bits.length > 64 ? WINDOW : 1;
  const square = (x * x) % modulus;
  /** Odd powers of x: x, x³, x⁵, … */
  const odd = [x];
  for (let i = 1; i < 1 << (width - 1); i++) odd.push((odd[i - 1]! * square) % modulus);

  let result = 1n;
  for (let i = 0; i < bits.length; ) {
    if (bits[i] === "0") {
      result = (result * result) % modulus;
      i++;
      continue;
    }
    let end = Math.min(i + width, bits.length);
    while (bits[end - 1] === "0") end--;
    for (let k = i; k < end; k++) result = (result * result) % modulus;
    result = (result * odd[Number.parseInt(bits.slice(i, end), 2) >> 1]!) % modulus;
    i = end;
  }
  return result;
}

/** Returns the inverse of `value` in 1…modulus−1, by the extended Euclidean algorithm. Throws `internal` if it does not exist. */
export function modInverse(value: bigint, modulus: bigint): bigint {
  let [a, b] = [value % modulus, modulus];
  let [x, y] = [1n, 0n];
  while (a > 1n) {
    const quotient = b / a;
    [a, b] = [b - quotient * a, a];
    [x, y] = [y - quotient * x, x];
  }
  if (a !== 1n)
    throw new SshError("internal", "modular inverse does not exist: value and modulus have a common factor");
  return x < 0n ? x + modulus : x;
}

/** Returns the greatest common divisor of two positive integers. */
export function gcd(a: bigint, b: bigint): bigint {
  while (b > 0n) [a, b] = [b, a % b];
  return a;
}

/**
 * Returns whether an odd `candidate` above 3 is probably prime, by Miller–Rabin with random bases (FIPS 186-5 §B.3.1). Yields after each
 * round, which takes one exponentiation.
 */
export function* millerRabin(candidate: bigint, rounds: number, random: RandomSource): Generator<void, boolean> {
  const last = candidate - 1n;
  let twos = 0n;
  while (((last >> twos) & 1n) === 0n) twos++;
  const odd = last >> twos;
  for (let round = 0; round < rounds; round++) {
    let x = modPow(2n + randomBelow(candidate - 3n, random), odd, candidate);
    for (let i = 1n; i < twos && x !== 1n && x !== last; i++) {
      x = (x * x) % candidate;
      if (x === 1n) return false;
    }
    yield;
    if (x !== 1n && x !== last) return false;
  }
  return true;
}
