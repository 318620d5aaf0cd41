import type { RandomSource } from "@nacre/wire";

/** Default of `maxDelay` in milliseconds. */
const MAX_DELAY = 30_000;

/** Delays between attempts: 0, then 1, 2, 4 … seconds up to a maximum, each 20 % shorter to 20 % longer. */
export class Delays {
  readonly #maxDelay: number;
  readonly #random: RandomSource;
  #count = 0;

  constructor(maxDelay: number | undefined, random: RandomSource) {
    this.#maxDelay = maxDelay ?? MAX_DELAY;
    this.#random = random;
  }

  /** Returns the next delay in milliseconds. */
  next(): number {
    const count = this.#count++;
    if (count === 0) return 0;
    const delay = Math.min(1000 * 2 ** (count - 1), this.#maxDelay);
    // Many clients lose one server at the same time, and must not come back at the same time.
    // rule: reconnect-delay
    return Math.round(delay * (0.8 + (0.4 * this.#random(1)[0]!) / 255));
  }

  /** Begins with 0 again. */
  reset(): void {
    this.#count = 0;
  }
}
