import type { ModpGroup } from "./modp.ts";

/** Group of diffie-hellman-group14-sha256 (RFC 8268 §3, RFC 3526 §3): 2048-bit prime, 320-bit exponents. */
export const group14: ModpGroup = /* @__PURE__ */ modpGroup("diffie-hellman-group14-sha256", 2048, 124_476n, 40);

/** Group of diffie-hellman-group16-sha512 (RFC 8268 §3, RFC 3526 §5): 4096-bit prime, 480-bit exponents. */
export const group16: ModpGroup = /* @__PURE__ */ modpGroup("diffie-hellman-group16-sha512", 4096, 240_904n, 60);

/** Group of diffie-hellman-group18-sha512 (RFC 8268 §3, RFC 3526 §7): 8192-bit prime, 624-bit exponents. */
export const group18: ModpGroup = /* @__PURE__ */ modpGroup("diffie-hellman-group18-sha512", 8192, 4_743_158n, 78);

/** `addend` makes the prime of RFC 3526 one. The prime is computed at its first use, in some milliseconds. */
function modpGroup(name: string, bits: number, addend: bigint, exponentLength: number): ModpGroup {
  let prime: bigint | undefined;
  return { name, prime: () => (prime ??= primeOf(bits, addend)), exponentLength };
}

/** Returns 2^bits − 2^(bits − 64) − 1 + 2^64 · (⌊2^(bits − 130) · π⌋ + addend). */
function primeOf(bits: number, addend: bigint): bigint {
  const high = (1n << BigInt(bits)) - (1n << BigInt(bits - 64));
  return high - 1n + ((piTimesTwoTo(bits - 130) + addend) << 64n);
}

/** Returns ⌊2^bits · π⌋, by π = 16 · arctan(1/5) − 4 · arctan(1/239) (Machin). */
function piTimesTwoTo(bits: number): bigint {
  // Each of some thousand terms is rounded. The errors stay within 64 more bits.
  const one = 1n << BigInt(bits + 64);
  return (16n * arctanOfInverse(5n, one) - 4n * arctanOfInverse(239n, one)) >> 64n;
}

/** Returns `one` · arctan(1/x) = `one` · (1/x − 1/(3 · x³) + 1/(5 · x⁵) − …). */
function arctanOfInverse(x: bigint, one: bigint): bigint {
  let power = one / x;
  let sum = power;
  for (let divisor = 3n; power !== 0n; divisor += 2n) {
    power = -power / (x * x);
    sum += power / divisor;
  }
  return sum;
}
