/** Fixed keys, made from seeds: a soak is about what is left over, not about secrets. */
const seed =
  (first: number) =>
  (length: number): Uint8Array =>
    Uint8Array.from({ length }, (_, i) => first + i);

export const hostKeySeed: (length: number) => Uint8Array = seed(1);
export const userKeySeed: (length: number) => Uint8Array = seed(2);
/** A key that nobody lets in. */
export const strangerSeed: (length: number) => Uint8Array = seed(3);
