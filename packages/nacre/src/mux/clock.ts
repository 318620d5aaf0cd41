/** Monotonic clock in milliseconds. It stops while the byte connection is suspended, so that timeouts do not run. */
export class Clock {
  isStopped = false;
  #stoppedAt = 0;
  #lost = 0;

  now(): number {
    return (this.isStopped ? this.#stoppedAt : performance.now()) - this.#lost;
  }

  stop(): void {
    if (!this.isStopped) this.#stoppedAt = performance.now();
    this.isStopped = true;
  }

  start(): void {
    if (this.isStopped) this.#lost += performance.now() - this.#stoppedAt;
    this.isStopped = false;
  }
}
