/** The current time in milliseconds of a monotonic clock; `undefined` if unknown. Its owner changes it. */
export interface Time {
  readonly now: number | undefined;
}

/** Sends a request that every peer answers, and calls `answered` when the reply arrives. Returns false if no request can be sent now. */
export type Probe = (answered: () => void) => boolean;

/**
 * Measures the shortest time in which the peer answers. Nothing is measured while the time is unknown.
 *
 * The best samples come while a channel is being opened, before data flows. Later an answer waits behind queued data, up to a whole window
 * if we read slowly.
 */
export class RoundTrip {
  readonly #time: Time;
  readonly #probe: Probe;
  #shortest: number | undefined;
  #probing = false;
  #measured = false;

  constructor(time: Time, probe: Probe) {
    this.#time = time;
    this.#probe = probe;
  }

  /** Current time; see `Time`. */
  get now(): number | undefined {
    return this.#time.now;
  }

  /** Shortest round trip in milliseconds; `undefined` until an answer has arrived. */
  get shortest(): number | undefined {
    return this.#shortest;
  }

  /** Whether a probe of `measure` was answered. Before that, only channel opens and requests were measured. */
  get measured(): boolean {
    return this.#measured;
  }

  /** Records that the message sent at time `then` was answered now. */
  answered(then: number | undefined): void {
    if (then === undefined || this.now === undefined) return;
    this.#shortest = Math.min(this.#shortest ?? Infinity, this.now - then);
  }

  /** Sends a probe to measure again, unless one is unanswered. */
  measure(): void {
    const then = this.now;
    if (then === undefined || this.#probing) return;
    this.#probing = this.#probe(() => {
      this.#probing = false;
      this.#measured = true;
      this.answered(then);
    });
  }
}
