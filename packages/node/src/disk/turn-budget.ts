import { setImmediate } from "node:timers/promises";
import { LoginQueue } from "./login-queue.ts";

/** Time in milliseconds that synchronous calls may take in one turn of the event loop. */
const BUDGET = 4;

/** A call that took longer, in milliseconds, shows that the disk is slow. Shorter ones may have been interrupted by another process. */
const SLOW = 10;

/** The disk counts as slow for this many times as long as the slow call took. */
const SLOW_FACTOR = 20;

/**
 * Bounds the time that synchronous calls of `node:fs` take in one turn of the event loop, so that other connections do not wait. A small
 * call takes a tenth of the time that it takes through the thread pool. While the disk is slow, only the calls of `run` and `count` are
 * made.
 */
export class TurnBudget {
  /** Time left in this turn, in milliseconds. Negative after a call that took longer: the next turns pay it back. */
  #left = BUDGET;
  #nextTurn: Promise<void> | undefined;
  /** Calls of `run` that wait for time. */
  readonly #waiting = new LoginQueue<() => void>();
  /** Time until which the disk counts as slow. */
  #slowUntil = 0;

  /** Whether `attempt` makes a call: the turn has time left, and the disk is not slow. */
  get permits(): boolean {
    return this.#left > 0 && performance.now() >= this.#slowUntil;
  }

  /** Runs a synchronous call if it is permitted. Otherwise returns `undefined`: use the thread pool then. */
  attempt<T>(call: () => T): T | undefined {
    if (!this.permits) return undefined;
    const left = this.#left;
    try {
      return this.count(call);
    } finally {
      const time = left - this.#left;
      // Other calls do not show it: removing a long file is slow on every disk.
      if (time > SLOW) this.#slowUntil = performance.now() + SLOW_FACTOR * time;
    }
  }

  /** Runs a synchronous call now, and counts its time. */
  count<T>(call: () => T): T {
    const start = performance.now();
    try {
      return call();
    } finally {
      this.#left -= performance.now() - start;
      // Always defined at the end of a turn that made calls.
      this.#nextTurn ??= this.#reset();
    }
  }

  /**
   * Runs a synchronous call in a turn that has time left. The calls of different logins are served one after another. If the call returns a
   * Promise, only the time until then counts.
   */
  run<T>(login: string, call: () => T | Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const start = (): void => {
        try {
          resolve(this.count(call));
        } catch (error) {
          reject(error);
        }
      };
      // rule: sftp-disk-turn
      if (this.#left <= 0) return this.#waiting.add(login, start);
      start();
    });
  }

  /** Resolves in the next turn if calls were made in this one. */
  async nextTurn(): Promise<void> {
    await this.#nextTurn;
  }

  async #reset(): Promise<void> {
    do {
      await setImmediate();
      this.#left = Math.min(BUDGET, /* rule: sftp-disk-debt */ this.#left + BUDGET);
    } while (this.#left <= 0);
    this.#nextTurn = undefined;
    while (this.#left > 0) {
      const start = this.#waiting.take();
      if (start === undefined) return;
      start();
    }
  }
}

/** The time of all synchronous calls of this process to the disk, for clients and servers. */
export const diskTurn: TurnBudget = new TurnBudget();
