import {
  addLanes,
  alike,
  andLanes,
  type Code,
  each,
  get,
  inOrder,
  order,
  set,
  shiftLanesLeft,
  shiftSignedLanesRight,
  shuffle,
} from "./assembler.ts";
import { digit, LANE_CARRY } from "./poly1305-variables.ts";

// In vectors, a number modulo 2^130 - 5 consists of ten digits of 13 bits. `dot`, the fastest multiplication, computes eight products at a
// time, but only of signed 16-bit values. (Multiplication of 32-bit lanes computes two products in three instructions on x86-64.) `dot`
// takes two digits in each i32; such a pair is a limb. The four lanes contain four numbers.
export const DIGIT = 13;
export const DIGITS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] as const;
export const DIGIT_MASK: Code = alike(0x1fff);

/** Reduces sums to unsigned 13-bit digits. The second digit may be out of range by the final carry from the first. */
export function carryDigits(sum: (i: number) => Code): Code {
  return inOrder(
    set(LANE_CARRY, alike(0)),
    each(DIGITS, (i) => [
      set(digit[i]!, addLanes(sum(i), get(LANE_CARRY))),
      set(LANE_CARRY, shiftSignedLanesRight(get(digit[i]!), DIGIT)),
      set(digit[i]!, andLanes(get(digit[i]!), DIGIT_MASK)),
    ]),
    // 2^130 equals 5 modulo 2^130 - 5, so the carry from the highest digit is added five times to the lowest.
    set(digit[0]!, addLanes(get(digit[0]!), fiveTimes(get(LANE_CARRY)))),
    set(digit[1]!, addLanes(get(digit[1]!), shiftSignedLanesRight(get(digit[0]!), DIGIT))),
    set(digit[0]!, andLanes(get(digit[0]!), DIGIT_MASK)),
  );
}

/** Multiplies by 5 with a shift, because multiplying 32-bit lanes is slow. */
export function fiveTimes(value: Code): Code {
  return addLanes(value, shiftLanesLeft(value, 2));
}

/** Combines, in each lane, the lower 16 bits of `low` and the upper 16 bits of `high`. */
export function halves(low: Code, high: Code): Code {
  return shuffle(low, high, LOW_AND_HIGH);
}

const LOW_AND_HIGH = order(0, 9, 2, 11, 4, 13, 6, 15);

/** Combines two digits in each lane: `low` in the lower 16 bits, `high` in the upper 16 bits. */
export function paired(low: Code, high: Code): Code {
  return halves(low, shiftLanesLeft(high, 16));
}
