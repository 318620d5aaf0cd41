/** Reports that nothing arrived for a time. Uses one timer, which is not set again for each arrival. */
export class SilenceWatch {
  readonly #timeout: number;
  readonly #onSilence: () => void;
  #lastAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `timeout` in milliseconds; 0 disables the watch. */
  constructor(timeout: number, onSilence: () => void) {
    this.#timeout = timeout;
    this.#onSilence = onSilence;
  }

  /** Records an arrival. Starts the watch unless it runs; it ends with `onSilence` or `stop`. */
  arrived(): void {
    this.#lastAt = performance.now();
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
