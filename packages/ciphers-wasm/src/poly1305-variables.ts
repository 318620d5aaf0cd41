import type { Local } from "./assembler.ts";

// The numbers of Poly1305's variables.

// The names of integers are those of the standard and of its usual explanations; s is 5 r, and d and g are h on its way.
export const LENGTH: Local = 0;

const FIRST_INTEGER = 1;
export const r: readonly Local[] = locals(1, 5);
export const s: readonly Local[] = locals(6, 5);
export const h: readonly Local[] = locals(11, 5);
export const d: readonly Local[] = locals(16, 5);
export const g: readonly Local[] = locals(21, 5);
export const CARRY: Local = 26;

const FIRST_ADDRESS = 27;
export const POSITION: Local = 27;
export const FACTORS: Local = 28;

const FIRST_VECTOR = 29;
/** Digits, and five times each of them: the part that stays and the carry to the next. */
export const digit: readonly Local[] = locals(29, 10);
export const rest: readonly Local[] = locals(39, 10);
export const over: readonly Local[] = locals(49, 10);
/** Blocks word by word, halfway, and as digits: H and the first group, then the second. */
export const word: readonly Local[] = locals(59, 4);
export const half: readonly Local[] = locals(63, 2);
export const pair: readonly (readonly Local[])[] = [locals(65, 5), locals(70, 5)];
export const LANE_CARRY: Local = 75;
export const LIMB_OF_BLOCKS: Local = 76;

/** The number of variables of each kind. */
export const COUNTS: Readonly<Record<"parameters" | "integers" | "addresses" | "vectors", number>> = {
  parameters: FIRST_INTEGER,
  integers: FIRST_ADDRESS - FIRST_INTEGER,
  addresses: FIRST_VECTOR - FIRST_ADDRESS,
  vectors: LIMB_OF_BLOCKS + 1 - FIRST_VECTOR,
};

function locals(first: Local, count: number): Local[] {
  return Array.from({ length: count }, (_, i) => first + i);
}
