import type { Local } from "./assembler.ts";

// Indices of the local variables of Poly1305.

// r and h are named as in RFC 8439. s is 5 r; d and g are intermediate values of h.
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
/** `digit`: digits. `rest` and `over`: five times each digit, split into 13 bits and the carry to the next digit. */
export const digit: readonly Local[] = locals(29, 10);
export const rest: readonly Local[] = locals(39, 10);
export const over: readonly Local[] = locals(49, 10);
/** `word` and `half`: words of blocks during a transposition. `pair`: digits of H plus the first group, then of the second group. */
export const word: readonly Local[] = locals(59, 4);
export const half: readonly Local[] = locals(63, 2);
export const pair: readonly (readonly Local[])[] = [locals(65, 5), locals(70, 5)];
export const LANE_CARRY: Local = 75;
export const LIMB_OF_BLOCKS: Local = 76;

/** Number of variables of each type. */
export const COUNTS: Readonly<Record<"parameters" | "integers" | "addresses" | "vectors", number>> = {
  parameters: FIRST_INTEGER,
  integers: FIRST_ADDRESS - FIRST_INTEGER,
  addresses: FIRST_VECTOR - FIRST_ADDRESS,
  vectors: LIMB_OF_BLOCKS + 1 - FIRST_VECTOR,
};

function locals(first: Local, count: number): Local[] {
  return Array.from({ length: count }, (_, i) => first + i);
}
