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

// In vectors, numbers modulo 2^130 - 5 are ten digits of 13 bits, because the instruction that multiplies most takes signed 16 bits: `dot`
// makes eight products. (Products of 32 bits come two at a time and cost three instructions on x86-64.) It takes digits in pairs, two in an
// i32; a pair of digits is a limb. The four lanes hold four numbers.
export const DIGIT = 13;
export const DIGITS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] as const;
export const DIGIT_MASK: Code = alike(0x1fff);

/** Turns sums into digits of 13 unsigned bits; the second digit is off by what the first carries. */
export function carryDigits(sum: (i: number) => Code): Code {
  return inOrder(
    set(LANE_CARRY, alike(0)),
    each(DIGITS, (i) => [
      set(digit[i]!, addLanes(sum(i), get(LANE_CARRY))),
      set(LANE_CARRY, shiftSignedLanesRight(get(digit[i]!), DIGIT)),
      set(digit[i]!, andLanes(get(digit[i]!), DIGIT_MASK)),
    ]),
    // The carry out of the highest digit comes back five times.
    set(digit[0]!, addLanes(get(digit[0]!), fiveTimes(get(LANE_CARRY)))),
    set(digit[1]!, addLanes(get(digit[1]!), shiftSignedLanesRight(get(digit[0]!), DIGIT))),
    set(digit[0]!, andLanes(get(digit[0]!), DIGIT_MASK)),
  );
}

/** Uses a shift: multiplying whole lanes is slow. */
export function fiveTimes(value: Code): Code {
  return addLanes(value, shiftLanesLeft(value, 2));
}

/** In each lane the lower 16 bits of one i32, and above them the upper ones of another. */
export function halves(low: Code, high: Code): Code {
  return shuffle(low, high, LOW_AND_HIGH);
}

const LOW_AND_HIGH = order(0, 9, 2, 11, 4, 13, 6, 15);

/** Two digits in each lane. */
export function paired(low: Code, high: Code): Code {
  return halves(low, shiftLanesLeft(high, 16));
}
