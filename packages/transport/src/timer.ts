/** How long something may take, not counting the time that somebody else is waited for. */
export class PausableTimer {
  readonly #duration: number;
  /** Milliseconds left, while it does not run. */
  #left: number;
  /** When the time is up; `undefined` while it does not run. */
  deadline: number | undefined;

  /** `duration`: milliseconds. */
  constructor(duration: number) {
    this.#duration = duration;
    this.#left = duration;
  }

  /** Starts, or goes on after a pause. */
  run(now: number): void {
    this.deadline ??= now + this.#left;
  }

  pause(now: number): void {
    if (this.deadline === undefined) return;
    this.#left = this.deadline - now;
    this.deadline = undefined;
  }

  /** Ends: the next `run` starts anew. */
  stop(): void {
    this.deadline = undefined;
    this.#left = this.#duration;
  }
}
