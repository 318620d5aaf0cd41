/** Timeout that does not count the time while it is paused. */
export class PausableTimer {
  readonly #duration: number;
  /** Remaining milliseconds while the timer is not running. */
  #left: number;
  /** Time at which the timer expires, in milliseconds; `undefined` while it is not running. */
  deadline: number | undefined;

  /** Both are in milliseconds: `duration`, and that of the first run. */
  constructor(duration: number, first: number) {
    this.#duration = duration;
    this.#left = first;
  }

  /** Starts the timer, or resumes it after a pause. */
  run(now: number): void {
    this.deadline ??= now + this.#left;
  }

  pause(now: number): void {
    if (this.deadline === undefined) return;
    this.#left = this.deadline - now;
    this.deadline = undefined;
  }

  /** Stops the timer. The next `run` starts with the full duration. */
  stop(): void {
    this.deadline = undefined;
    this.#left = this.#duration;
  }
}
