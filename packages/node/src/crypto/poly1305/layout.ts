import type { Local } from "./assembler.ts";

// What lies where, in memory and in variables.

/** The one-time key (32 bytes), and the tag that is made (16 bytes). */
export const KEY_AT = 0;
export const TAG_AT = 32;
/** The message, to the end of memory. */
export const MESSAGE_AT = 64;
/** Bytes of a message that there is room for at first, its last block filled up. */
export const CAPACITY: number = 5 * 65_536 - MESSAGE_AT;

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

/** How many there are of each kind. */
export const COUNTS: Readonly<Record<"parameters" | "integers" | "addresses", number>> = {
  parameters: FIRST_INTEGER,
  integers: FIRST_ADDRESS - FIRST_INTEGER,
  addresses: POSITION + 1 - FIRST_ADDRESS,
};

function locals(first: Local, count: number): Local[] {
  return Array.from({ length: count }, (_, i) => first + i);
}
