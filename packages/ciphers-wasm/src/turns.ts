import {
  add,
  addAddress,
  addLanes,
  address,
  alike,
  andLanes,
  type Code,
  choose,
  dot,
  each,
  get,
  inOrder,
  isLess,
  load32,
  loadVector,
  order,
  orLanes,
  repeatWhile,
  set,
  shiftLanesLeft,
  shiftLanesRight,
  shuffle,
  storeVector,
} from "./assembler.ts";
import { carryDigits, DIGIT, halves, paired } from "./digits.ts";
import { factorOffset, makeFactors } from "./factors.ts";
import { LIMB, LIMBS } from "./limbs.ts";
import { FACTORS_AT, FACTORS_LENGTH, GROUPS, LANES_AT, LAST_FACTORS_AT, PACKET_AT } from "./memory.ts";
import { digit, FACTORS, h, half, LENGTH, LIMB_OF_BLOCKS, POSITION, pair, word } from "./poly1305-variables.ts";

// Eight blocks a turn: two groups of four, a lane for each block. The lanes of H are four sums, of every fourth block:
//
//   H = (H + first group) r^8 + second group r^4
//
// In the last turn the lanes are multiplied by r^8, r^7, r^6, r^5 and by r^4, r^3, r^2, r instead. So each block gets its power, and the sum
// of the lanes is h. Digits are carried once a turn, for two groups; more groups were not faster.
//
// Nothing overflows. A digit of H + block is less than 2^14 + 2^8 either way and one of a block less than 2^13, a factor at most 2^12 + 3.
// So each fits in signed 16 bits, and the sum of ten products of the first and ten of the second kind is less than 2^30 either way.
// Of that 2^17 is carried on, and five times 2^17 makes the second digit of H more or less by 81.

const TURN = 64 * GROUPS;

/** Computes h over the whole turns of the message, and the position behind them. */
export function turns(): Code {
  const end = addAddress(address(PACKET_AT), get(LENGTH));
  const isThere = (bytes: number): Code => isLess(addAddress(get(POSITION), address(bytes - 1)), end);
  return inOrder(
    makeFactors(),
    set(POSITION, address(PACKET_AT)),
    repeatWhile(
      isThere(TURN),
      set(FACTORS, choose(isThere(2 * TURN), address(FACTORS_AT), address(LAST_FACTORS_AT))),
      each(pair, (_, group) => readGroup(group)),
      carryDigits((i) => addLanes(...pair.flatMap((_, group) => LIMBS.map((k) => product(group, i, k))))),
      each(LIMBS, (k) => set(pair[0]![k]!, paired(get(digit[2 * k]!), get(digit[2 * k + 1]!)))),
      set(POSITION, addAddress(get(POSITION), address(TURN))),
    ),
    addUpLanes(),
  );
}

/** The term that pair `k` of digits contributes to digit `i` of the product. */
function product(group: number, i: number, k: number): Code {
  return dot(get(pair[group]![k]!), loadVector(get(FACTORS), FACTORS_LENGTH * group + factorOffset(i, k)));
}

/** Loads a group's four blocks as pairs of digits. Adds H to the first group. */
function readGroup(group: number): Code {
  const block = (i: number): Code => loadVector(get(POSITION), 64 * group + 16 * i);
  const limb = get(LIMB_OF_BLOCKS);
  // Moves the upper digit to the upper half.
  const digits = andLanes(halves(limb, shiftLanesLeft(limb, 16 - DIGIT)), alike(0x1fff_1fff));
  return inOrder(
    // Turns four blocks of four words into four words of four blocks.
    each([order(0, 4, 1, 5), order(2, 6, 3, 7)], (words, i) => [
      set(half[0]!, shuffle(block(0), block(1), words)),
      set(half[1]!, shuffle(block(2), block(3), words)),
      set(word[2 * i]!, shuffle(get(half[0]!), get(half[1]!), order(0, 1, 4, 5))),
      set(word[2 * i + 1]!, shuffle(get(half[0]!), get(half[1]!), order(2, 3, 6, 7))),
    ]),
    each(pair[group]!, (local, k) => [
      set(LIMB_OF_BLOCKS, limbOfBlocks(k)),
      set(local, group === 0 ? addLanes(digits, get(local)) : digits),
    ]),
  );
}

/** Limb `k` of four blocks, with other bits above its 26. */
function limbOfBlocks(k: number): Code {
  const first = Math.floor((LIMB * k) / 32);
  const skipped = LIMB * k - 32 * first;
  if (skipped === 0) return get(word[first]!);
  const low = shiftLanesRight(get(word[first]!), skipped);
  // The last limb has the bit above the block; the others continue in the next word.
  return orLanes(low, k === 4 ? alike(1 << 24) : shiftLanesLeft(get(word[first + 1]!), 32 - skipped));
}

/** h = the sum of the lanes of H. */
function addUpLanes(): Code {
  return each(LIMBS, (k) => {
    const limb = dot(get(pair[0]![k]!), alike(1 | (1 << (16 + DIGIT))));
    // Adds 2^130 - 5 to each lane, so that none is negative.
    const positive = addLanes(limb, alike(k === 0 ? 0x3fffffb : 0x3ffffff));
    return [
      storeVector(address(LANES_AT), 0, positive),
      set(h[k]!, add(...[0, 4, 8, 12].map((lane) => load32(address(LANES_AT), lane)))),
    ];
  });
}
