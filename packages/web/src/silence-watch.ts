/** Calls `onSilence` after a time without arrivals. Uses one timer and does not reset it on each arrival. */
export class SilenceWatch {
  readonly #timeout: number;
  readonly #onSilence: () => void;
  #lastAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `timeout` is in milliseconds; 0 disables the watch. */
  constructor(timeout: number, onSilence: () => void) {
    this.#timeout = timeout;
    this.#onSilence = onSilence;
  }

  /**
   * Records an arrival at time `now` of `performance.now()`, and starts the watch if it is not running. The watch runs until `onSilence` or
   * `stop`.
   */
  arrived(now: number): void {
    this.#lastAt = now;
    if (this.#timer === undefined && this.#timeout > 0) this.#arm(this.#timeout);
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #arm(wait: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      const left = this.#lastAt + this.#timeout - performance.now();
      if (left <= 0) this.#onSilence();
      else this.#arm(Math.ceil(left));
    }, wait);
  }
}
