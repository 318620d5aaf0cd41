import {
  addAddress,
  addLanes,
  address,
  alike,
  andLanes,
  type Code,
  each,
  get,
  inOrder,
  isLess,
  loadAlike,
  loadVector,
  repeatWhile,
  set,
  shiftLanesLeft,
  shiftLanesRight,
  shiftSignedLanesRight,
  store32,
  storeVector,
  subtractLanes,
} from "./assembler.ts";
import { carryDigits, DIGIT, DIGIT_MASK, DIGITS, fiveTimes, paired } from "./digits.ts";
import { LIMBS, multiplyByR } from "./limbs.ts";
import { FACTORS_AT, FACTORS_LENGTH, GROUPS, LANES_AT, LAST_FACTORS_AT } from "./memory.ts";
import { digit, FACTORS, h, over, POSITION, r, rest } from "./poly1305-variables.ts";

/**
 * Computes the factors of the passes. The last pass multiplies each lane by its own power of r. Earlier passes use the group's highest
 * power.
 */
export function makeFactors(): Code {
  return inOrder(
    powers(),
    set(POSITION, address(LANES_AT)),
    set(FACTORS, address(LAST_FACTORS_AT)),
    repeatWhile(
      isLess(get(FACTORS), address(FACTORS_AT)),
      readDigits(),
      each(places(), ([i, k]) => {
        const offset = factorOffset(i, k);
        return [
          storeVector(get(FACTORS), offset, paired(coefficient(i, 2 * k), coefficient(i, 2 * k + 1))),
          storeVector(get(FACTORS), FACTORS_AT - LAST_FACTORS_AT + offset, loadAlike(get(FACTORS), offset)),
        ];
      }),
      set(POSITION, addAddress(get(POSITION), address(16))),
      set(FACTORS, addAddress(get(FACTORS), address(FACTORS_LENGTH))),
    ),
  );
}

/** Returns the offset of the factor of digit pair `k` for digit `i` of the product. */
export function factorOffset(i: number, k: number): number {
  return 16 * (i === 0 ? k : 12 + i - 2 * k);
}

/**
 * Lists a digit `i` and a pair `k` for each distinct factor: all pairs of digit 0, then one per value of i - 2 k, which determines the
 * factor.
 */
function places(): readonly (readonly [i: number, k: number])[] {
  return [
    ...LIMBS.map((k) => [0, k] as const),
    ...[1, 2, 3, 4, 5, 6, 7, 8].map((i) => [i, 4] as const),
    ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => [i, 0] as const),
  ];
}

/** Stores r^8 to r^5 in the lanes of the first group, and r^4 to r in those of the second. */
function powers(): Code {
  return inOrder(
    each(LIMBS, (i) => set(h[i]!, get(r[i]!))),
    set(POSITION, address(LANES_AT + 16 * GROUPS)),
    repeatWhile(
      isLess(address(LANES_AT), get(POSITION)),
      set(POSITION, addAddress(get(POSITION), address(-4))),
      each(LIMBS, (i) => store32(get(POSITION), 16 * GROUPS * i, get(h[i]!))),
      multiplyByR(),
    ),
  );
}

/**
 * Computes the digits of a group's powers, and five times each digit. Splits the latter into 13 bits and a carry to the next digit: two
 * more bits would let the sum of the products of two groups overflow 32 bits.
 */
function readDigits(): Code {
  const center = alike(2 ** (DIGIT - 1));
  return inOrder(
    // Signed digits, from -2^12 to 2^12, need one bit less, which leaves room for sums.
    carryDigits((i) => {
      const limb = loadVector(get(POSITION), 16 * GROUPS * (i >> 1));
      return addLanes(center, i % 2 === 0 ? andLanes(limb, DIGIT_MASK) : shiftLanesRight(limb, DIGIT));
    }),
    each(DIGITS, (i) => [
      set(digit[i]!, subtractLanes(get(digit[i]!), center)),
      set(rest[i]!, fiveTimes(get(digit[i]!))),
      set(over[i]!, shiftSignedLanesRight(addLanes(get(rest[i]!), center), DIGIT)),
      set(rest[i]!, subtractLanes(get(rest[i]!), shiftLanesLeft(get(over[i]!), DIGIT))),
    ]),
  );
}

/** Returns the factor of digit `j` for digit `i` of the product. Products beyond 2^130 wrap around, multiplied by 5. */
function coefficient(i: number, j: number): Code {
  if (j < i) return get(digit[i - j]!);
  const own = get(j === i ? digit[0]! : rest[i - j + 10]!);
  // Digit 0 has no carry from below.
  return i === 0 ? own : addLanes(own, get(over[i - j + 9]!));
}
