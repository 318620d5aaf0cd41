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

// Each pass processes eight blocks: two groups of four, with a lane for each block. H consists of four lanes, each with its own sum:
//
//   H = (H + first group) r^8 + second group r^4
//
// The last pass instead multiplies the lanes of the groups by r^8, r^7, r^6, r^5 and by r^4, r^3, r^2, r. So each block is multiplied by
// its power of r, and the sum of the lanes is h. Digits are carried once per pass, for two groups. More groups were not faster.
//
// No value overflows. The absolute value of a digit is less than 2^14 + 2^8 for H + block, and less than 2^13 for a block. That of a factor
// is at most 2^12 + 3. So all fit in signed 16 bits, and the sum of ten products of each kind is less than 2^30 in absolute value. The
// carry from that sum is at most 2^17, and five times 2^17 changes the second digit of H by at most 81.

const PASS = 64 * GROUPS;

/** Processes all complete passes of the message. Sets h, and the position after the last pass. */
export function passes(): Code {
  const end = addAddress(address(PACKET_AT), get(LENGTH));
  const isThere = (bytes: number): Code => isLess(addAddress(get(POSITION), address(bytes - 1)), end);
  return inOrder(
    makeFactors(),
    set(POSITION, address(PACKET_AT)),
    repeatWhile(
      isThere(PASS),
      set(FACTORS, choose(isThere(2 * PASS), address(FACTORS_AT), address(LAST_FACTORS_AT))),
      each(pair, (_, group) => readGroup(group)),
      carryDigits((i) => addLanes(...pair.flatMap((_, group) => LIMBS.map((k) => product(group, i, k))))),
      each(LIMBS, (k) => set(pair[0]![k]!, paired(get(digit[2 * k]!), get(digit[2 * k + 1]!)))),
      set(POSITION, addAddress(get(POSITION), address(PASS))),
    ),
    addUpLanes(),
  );
}

/** Returns the contribution of digit pair `k` to digit `i` of the product. */
function product(group: number, i: number, k: number): Code {
  return dot(get(pair[group]![k]!), loadVector(get(FACTORS), FACTORS_LENGTH * group + factorOffset(i, k)));
}

/** Loads a group's four blocks as pairs of digits. Adds H to the first group. */
function readGroup(group: number): Code {
  const block = (i: number): Code => loadVector(get(POSITION), 64 * group + 16 * i);
  const limb = get(LIMB_OF_BLOCKS);
  // Move the upper digit to the upper 16 bits.
  const digits = andLanes(halves(limb, shiftLanesLeft(limb, 16 - DIGIT)), alike(0x1fff_1fff));
  return inOrder(
    // Transpose: four blocks of four words become four words of four blocks.
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

/** Returns limb `k` of four blocks. The bits above its 26 bits are arbitrary. */
function limbOfBlocks(k: number): Code {
  const first = Math.floor((LIMB * k) / 32);
  const skipped = LIMB * k - 32 * first;
  if (skipped === 0) return get(word[first]!);
  const low = shiftLanesRight(get(word[first]!), skipped);
  // The last limb ends with the bit above the block. Other limbs continue in the next word.
  return orLanes(low, k === 4 ? alike(1 << 24) : shiftLanesLeft(get(word[first + 1]!), 32 - skipped));
}

/** Computes h, the sum of the lanes of H. */
function addUpLanes(): Code {
  return each(LIMBS, (k) => {
    const limb = dot(get(pair[0]![k]!), alike(1 | (1 << (16 + DIGIT))));
    // Add 2^130 - 5 to each lane, so that no lane is negative.
    const positive = addLanes(limb, alike(k === 0 ? 0x3fffffb : 0x3ffffff));
    return [
      storeVector(address(LANES_AT), 0, positive),
      set(h[k]!, add(...[0, 4, 8, 12].map((lane) => load32(address(LANES_AT), lane)))),
    ];
  });
}
