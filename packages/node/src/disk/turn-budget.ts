import { setImmediate } from "node:timers/promises";
import { LoginTurns } from "../listen/login-turns.ts";

/** Time in milliseconds that synchronous calls may take in one turn of the event loop. */
const BUDGET = 4;

/** Two calls in a row that took longer, in milliseconds, show that the disk is slow. A single one may be due to another process. */
const SLOW = 2;

/** A single call that took longer, in milliseconds, shows that the disk is slow. */
const VERY_SLOW = 10;

/** The rest after slow calls lasts this many times as long as the calls. `attempt` makes no call during the rest. */
const REST_FACTOR = 20;

/**
 * Bounds the time that synchronous calls of `node:fs` take in one turn of the event loop, so that other connections do not wait. A small
 * call takes a tenth of the time that it takes through the thread pool. When the disk is slow, only the calls of `run` and `count` are made.
 */
export class TurnBudget {
  /** Time left in this turn, in milliseconds. Negative after a call that took longer: the next turns pay it back. */
  #left = BUDGET;
  #nextTurn: Promise<void> | undefined;
  /** Calls of `run` that wait for time. */
  readonly #waiting = new LoginTurns<() => void>();
  /** Duration of the last call of `attempt` if it was slow, or 0. */
  #slowTime = 0;
  /** End of the rest after slow calls. */
  #restsUntil = 0;

  /** Whether `attempt` makes a call: the turn has time left, and the disk is not slow. */
  get permits(): boolean {
    return this.#left > 0 && performance.now() >= this.#restsUntil;
  }

  /** Runs a synchronous call if it is permitted. Otherwise returns `undefined`: use the thread pool then. */
  attempt<T>(call: () => T): T | undefined {
    if (!this.permits) return undefined;
    const left = this.#left;
    try {
      return this.count(call);
    } finally {
      this.#judge(left - this.#left);
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
   * Runs a synchronous call in a turn that has time left. The calls of different logins take turns. If the call returns a Promise, only the
   * time until then counts.
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

  /** Decides after a call of `attempt` whether the disk is slow. Other calls do not count: removing a long file is slow on every disk. */
  #judge(time: number): void {
    const before = this.#slowTime;
    if (time > VERY_SLOW || (time > SLOW && before > 0))
      this.#restsUntil = performance.now() + REST_FACTOR * (time + before);
    this.#slowTime = time > SLOW ? time : 0;
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
