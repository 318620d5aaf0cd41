import { setImmediate } from "node:timers/promises";

/** Time in milliseconds that synchronous calls may take in one turn of the event loop. */
const BUDGET = 4;

/** A call that took longer, in milliseconds, shows that the disk is slow at present. */
const SLOW = 10;

/** Time in milliseconds for which contents then go through the thread pool. */
const SLOW_FOR = 200;

/**
 * Bounds the time that synchronous calls of `node:fs` take in one turn of the event loop, so that other connections do not wait. For small
 * calls they take a tenth of the time that a call through the thread pool takes.
 */
export class TurnBudget {
  #left = BUDGET;
  #nextTurn: Promise<void> | undefined;
  #slowUntil = 0;

  /** Whether a call on contents should run synchronously: the turn has time left, and the disk is not slow. */
  get permits(): boolean {
    return this.#left > 0 && (this.#slowUntil === 0 || performance.now() >= this.#slowUntil);
  }

  /** Runs a synchronous call, and counts its time. */
  count<T>(call: () => T): T {
    const start = performance.now();
    try {
      return call();
    } finally {
      const end = performance.now();
      this.#left -= end - start;
      this.#slowUntil = end - start > SLOW ? end + SLOW_FOR : 0;
      // Always defined at the end of a turn that made calls.
      this.#nextTurn ??= this.#reset();
    }
  }

  /** Runs a synchronous call in a turn that has time left. */
  async run<T>(call: () => T): Promise<T> {
    // rule: sftp-disk-turn
    while (this.#left <= 0) await this.#nextTurn;
    return this.count(call);
  }

  async #reset(): Promise<void> {
    await setImmediate();
    this.#left = BUDGET;
    this.#nextTurn = undefined;
  }
}
