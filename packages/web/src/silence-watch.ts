/** Notices when nothing arrives for a time: with one timer, which is not set again for each message. */
export class SilenceWatch {
  readonly #timeout: number;
  readonly #onSilence: () => void;
  #lastAt = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `timeout` in milliseconds; 0 for never. */
  constructor(timeout: number, onSilence: () => void) {
    this.#timeout = timeout;
    this.#onSilence = onSilence;
  }

  start(): void {
    this.stop();
    this.arrived();
    if (this.#timeout > 0) this.#arm(this.#timeout);
  }

  /** Something arrived. */
  arrived(): void {
    this.#lastAt = performance.now();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #arm(wait: number): void {
    this.#timer = setTimeout(() => {
      const left = this.#lastAt + this.#timeout - performance.now();
      if (left <= 0) this.#onSilence();
      else this.#arm(Math.ceil(left));
    }, wait);
  }
}
