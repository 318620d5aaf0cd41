/** Asks the peer something that every peer answers, and calls `answered` then; false when it cannot be asked now. */
type Ask = (answered: () => void) => boolean;

/** How long the peer takes to answer, at best. Nothing is measured before the time was told. */
export class RoundTrip {
  readonly #ask: Ask;
  #now: number | undefined;
  #shortest: number | undefined;
  #asking = false;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** Milliseconds, as last told. */
  get now(): number | undefined {
    return this.#now;
  }

  /** Milliseconds; `undefined` until an answer has come. Answers wait behind data, so that only the shortest says much. */
  get shortest(): number | undefined {
    return this.#shortest;
  }

  tick(now: number): void {
    this.#now = now;
  }

  /** Measures once more, unless an answer is awaited already. */
  measure(): void {
    const asked = this.#now;
    if (asked === undefined || this.#asking) return;
    this.#asking = this.#ask(() => {
      this.#asking = false;
      this.#shortest = Math.min(this.#shortest ?? Number.POSITIVE_INFINITY, (this.#now ?? asked) - asked);
    });
  }
}
