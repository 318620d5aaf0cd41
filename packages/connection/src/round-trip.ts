/** Asks the peer something that every peer answers, and calls `answered` then; false when it cannot be asked now. */
export type Ask = (answered: () => void) => boolean;

/**
 * How long the peer takes to answer, at best. Nothing is measured before the first `tick`.
 *
 * The answers that say most come while a channel is opened, when nothing else is under way yet: once data flows, an answer waits
 * behind all of it, a whole window where it is we who are slow.
 */
export class RoundTrip {
  /** Milliseconds of a clock that never goes back; `undefined` until the time is first told. */
  now: number | undefined;
  readonly #ask: Ask;
  #shortest: number | undefined;
  #asking = false;
  #measured = false;

  constructor(ask: Ask) {
    this.#ask = ask;
  }

  /** Milliseconds; `undefined` until an answer has come. */
  get shortest(): number | undefined {
    return this.#shortest;
  }

  /** Whether a question of `measure` has been answered: without that, only the opening of channels has told anything. */
  get measured(): boolean {
    return this.#measured;
  }

  /** What was sent at `then` has been answered now, later or sooner after it arrived. */
  answered(then: number | undefined): void {
    if (then === undefined || this.now === undefined) return;
    this.#shortest = Math.min(this.#shortest ?? Number.POSITIVE_INFINITY, this.now - then);
  }

  /** Measures once more, unless an answer is awaited already. */
  measure(): void {
    const then = this.now;
    if (then === undefined || this.#asking) return;
    this.#asking = this.#ask(() => {
      this.#asking = false;
      this.#measured = true;
      this.answered(then);
    });
  }
}
