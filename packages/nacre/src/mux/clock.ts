/** Monotonic clock in milliseconds. It stops while the byte connection is suspended, so that timeouts do not run. */
export class Clock {
  #stoppedAt: number | undefined;
  #lost = 0;

  get isStopped(): boolean {
    return this.#stoppedAt !== undefined;
  }

  now(): number {
    return (this.#stoppedAt ?? performance.now()) - this.#lost;
  }

  stop(): void {
    this.#stoppedAt ??= performance.now();
  }

  start(): void {
    if (this.#stoppedAt !== undefined) this.#lost += performance.now() - this.#stoppedAt;
    this.#stoppedAt = undefined;
  }
}
