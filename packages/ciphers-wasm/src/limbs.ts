import {
  add,
  and,
  type Code,
  constant,
  each,
  get,
  inOrder,
  type Local,
  load32,
  multiply,
  set,
  shiftRight,
} from "./assembler.ts";
import { CARRY, d, h, r, s } from "./poly1305-variables.ts";

// A number modulo 2^130 - 5 consists of five limbs of 26 bits, so that sums of products of limbs fit in 64 bits.
export const LIMB = 26;
const MASK = constant((1n << 26n) - 1n);
export const LIMBS = [0, 1, 2, 3, 4] as const;

/** Loads limb `i`, 26 bits, of the 128-bit number at an address plus an offset. */
export function limbAt(at: Code, offset: number, i: number): Code {
  // Limb i starts at bit 26 i, which is bit 2 i of byte 3 i.
  return and(shiftRight(load32(at, offset + 3 * i), 2 * i), MASK);
}

/** Computes h = h r. The resulting limbs may slightly exceed 26 bits. */
export function multiplyByR(): Code {
  return inOrder(
    each(LIMBS, (i) => set(d[i]!, add(...LIMBS.map((j) => multiply(get(h[j]!), get(factor(i, j))))))),
    carry(d, h, 0n),
    wrapAround(),
  );
}

/** Returns the factor of limb `j` of h for limb `i` of the product. Products beyond 2^130 wrap around, multiplied by 5. */
function factor(i: number, j: number): Local {
  return j <= i ? r[i - j]! : s[i - j + 5]!;
}

/** Reduces five sums to limbs of 26 bits. Carries the excess to the next limb, and adds `first` to the first limb. */
export function carry(from: readonly Local[], to: readonly Local[], first: bigint): Code {
  return inOrder(
    set(CARRY, constant(first)),
    each(LIMBS, (i) => [
      set(to[i]!, add(get(from[i]!), get(CARRY))),
      set(CARRY, shiftRight(get(to[i]!), LIMB)),
      set(to[i]!, and(get(to[i]!), MASK)),
    ]),
  );
}

/** Adds five times the carry from the highest limb to the lowest limbs. */
export function wrapAround(): Code {
  return inOrder(
    set(h[0]!, add(get(h[0]!), multiply(get(CARRY), constant(5n)))),
    set(h[1]!, add(get(h[1]!), shiftRight(get(h[0]!), LIMB))),
    set(h[0]!, and(get(h[0]!), MASK)),
  );
}
