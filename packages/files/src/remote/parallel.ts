/** Number of files that a call works on at the same time. */
const MOST_AT_ONCE = 64;

/** Runs tasks, a bounded number at the same time. After the first failure, tasks that have not started are not run. */
export class Parallel {
  #running = 0;
  #failure: { readonly error: unknown } | undefined;
  readonly #waiting: (() => void)[] = [];

  /**
   * Runs a task when there is a place for it. A task must not wait for another one of the same object. Rejects with the error of the task,
   * or with the first one of an earlier task.
   */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running >= MOST_AT_ONCE)
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    else this.#running++;
    try {
      if (this.#failure !== undefined) throw this.#failure.error;
      return await task();
    } catch (error) {
      this.#failure ??= { error };
      throw error;
    } finally {
      // The place passes to the next task.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}

/** Resolves when all promises have settled. Rejects with the first error in their order. */
export async function allSettled(promises: readonly Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises)) if (result.status === "rejected") throw result.reason;
}
