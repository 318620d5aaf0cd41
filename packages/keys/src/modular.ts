import { bytesToBigInt, type RandomSource, SshError } from "@nacre/wire";

/** How many bits a non-negative integer takes; 0 for 0. */
export function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}

/** A random integer with 0 ≤ it < `bound`. Takes 8 bytes more than the bound has, so that its bias is below 2⁻⁶⁴ (FIPS 186-5 §A.4.1). */
export function randomBelow(bound: bigint, random: RandomSource): bigint {
  return bytesToBigInt(random(Math.ceil(bitLength(bound) / 8) + 8)) % bound;
}

const WINDOW = 5;

/**
 * base^exponent mod modulus, for 0 ≤ base, 0 ≤ exponent and 1 < modulus. Its time depends on the exponent: a secret one needs a blinded base.
 * A sliding window over `%`, because V8's division was measured to be faster than Montgomery's or Barrett's reduction on top of its BigInt.
 */
export function modPow(base: bigint, exponent: bigint, modulus: bigint): bigint {
  const x = base % modulus;
  const bits = exponent.toString(2);
  // A short exponent, such as 65537, does not pay for the table.
  const width = bits.length > 64 ? WINDOW : 1;
  const square = (x * x) % modulus;
  /** x, x³, x⁵, … */
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

/** The inverse of `value` by the extended Euclidean algorithm, 0 < it < modulus. Throws `internal` when there is none. */
export function modInverse(value: bigint, modulus: bigint): bigint {
  let [a, b] = [value % modulus, modulus];
  let [x, y] = [1n, 0n];
  while (a > 1n) {
    const quotient = b / a;
    [a, b] = [b - quotient * a, a];
    [x, y] = [y - quotient * x, x];
  }
  if (a !== 1n) throw new SshError("internal", "a number without a modular inverse was to be inverted");
  return x < 0n ? x + modulus : x;
}

/** The greatest common divisor of two positive integers. */
export function gcd(a: bigint, b: bigint): bigint {
  while (b > 0n) [a, b] = [b, a % b];
  return a;
}

/**
 * Whether an odd `candidate` above 3 is probably a prime, by Miller–Rabin with random bases (FIPS 186-5 §B.3.1). Yields after each round,
 * which is one exponentiation.
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
