import { LoginTurns } from "../listen/login-turns.ts";

/** Slow calls at once. The thread pool has four threads by default; logins, lookups of names and other files need the rest. */
const AT_ONCE = 2;

/**
 * Runs calls of the thread pool that may take seconds: two at once, and one for each login. The logins that wait take turns. Such a
 * call frees the blocks of a file, which takes as long as the file is long, or stores them.
 */
export class SlowCalls {
  /** Logins that have a call under way. */
  readonly #running = new Set<string>();
  readonly #waiting = new LoginTurns<() => Promise<void>>();

  /** Runs a call in its turn. Settles as it does. */
  run<T>(login: string, call: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.add(login, async () => {
        this.#running.add(login);
        try {
          resolve(await call());
        } catch (error) {
          reject(error);
        }
        this.#running.delete(login);
        this.#startNext();
      });
      this.#startNext();
    });
  }

  #startNext(): void {
    // rule: sftp-disk-slow-at-once
    if (this.#running.size >= AT_ONCE) return;
    void this.#waiting.take((login) => /* rule: sftp-disk-slow-login */ !this.#running.has(login))?.();
  }
}

/** The slow calls of this process. */
export const slowCalls: SlowCalls = new SlowCalls();
