/** Calls `onSilence` after a time without arrivals. Uses one timer and does not reset it on each arrival. */
export class SilenceWatch {
  readonly #timeout: number;
  readonly #onSilence: (late: number) => void;
  #lastAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `timeout` is in milliseconds; 0 disables the watch. `late` is the time in milliseconds since the timeout. */
  constructor(timeout: number, onSilence: (late: number) => void) {
    this.#timeout = timeout;
    this.#onSilence = onSilence;
  }

  /**
   * Records an arrival at time `now` of `performance.now()`, and starts the watch if it is not running. The watch runs until `onSilence` or
   * `stop`.
   */
  arrived(now: number): void {
    this.#lastAt = now;
    if (this.#timer === undefined && this.#timeout > 0) this.arm(this.#timeout);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Looks for arrivals after `wait` milliseconds. */
  arm(wait: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const late = performance.now() - this.#lastAt - this.#timeout;
      if (late >= 0) this.#onSilence(late);
      else this.arm(Math.ceil(-late));
    }, wait);
  }
}
