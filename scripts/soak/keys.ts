/** Returns a fixed seed for a key. A soak test needs no secret keys. */
const seed =
  (first: number) =>
  (length: number): Uint8Array =>
    Uint8Array.from({ length }, (_, i) => first + i);

export const hostKeySeed: (length: number) => Uint8Array = seed(1);
export const userKeySeed: (length: number) => Uint8Array = seed(2);
/** Seed of a key that the server does not accept. */
export const strangerSeed: (length: number) => Uint8Array = seed(3);
