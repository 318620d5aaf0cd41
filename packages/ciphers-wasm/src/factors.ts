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

/** Makes the factors of the turns. The last turn multiplies each lane by its own power of r; earlier turns multiply a group by its highest. */
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

/** The offset of the factor by which pair `k` of digits is multiplied for digit `i` of the product. */
export function factorOffset(i: number, k: number): number {
  return 16 * (i === 0 ? k : 12 + i - 2 * k);
}

/** A digit `i` and a pair `k` for each factor: all of digit 0, then one for each i - 2 k; others do not differ. */
function places(): readonly (readonly [i: number, k: number])[] {
  return [
    ...LIMBS.map((k) => [0, k] as const),
    ...[1, 2, 3, 4, 5, 6, 7, 8].map((i) => [i, 4] as const),
    ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map((i) => [i, 0] as const),
  ];
}

/** Puts r^8 down to r into the lanes of the first group, then of the second. */
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
 * Makes the digits of a group's powers, and five times each of them. The latter are cut into 13 bits that stay and a carry to the next
 * digit: with two more bits, the products of two groups would not add up within 32 bits.
 */
function readDigits(): Code {
  const center = alike(2 ** (DIGIT - 1));
  return inOrder(
    // From -2^12 to 2^12: signed digits need a bit less, which makes room for sums.
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

/** The factor of digit `j` for digit `i` of the product. An overflow of 2^130 comes back five times. */
function coefficient(i: number, j: number): Code {
  if (j < i) return get(digit[i - j]!);
  const own = get(j === i ? digit[0]! : rest[i - j + 10]!);
  // Nothing carries into digit 0.
  return i === 0 ? own : addLanes(own, get(over[i - j + 9]!));
}
