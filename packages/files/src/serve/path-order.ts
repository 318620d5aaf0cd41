/** Kind of a request by path: reads run together; a change runs alone. */
export type PathAccess = "read" | "change";

interface Waiting {
  readonly access: PathAccess;
  readonly start: () => void;
}

/**
 * Puts requests by path in order: a change waits for all earlier requests, and later ones wait for it. Each also waits for the changes
 * through handles that began before it, such as a write, which would set the time of the file again after it. Two paths may name the
 * same file through links, so paths are not compared.
 */
export class PathOrder {
  /** Number of reads that run. */
  #reads = 0;
  #isChanging = false;
  #waiting: Waiting[] = [];
  /** Changes through handles that have begun. */
  readonly #throughHandles = new Set<Promise<void>>();

  /** Registers a change through a handle that has begun. */
  add(change: Promise<void>): void {
    this.#throughHandles.add(change);
    const remove = (): void => void this.#throughHandles.delete(change);
    change.then(remove, remove);
  }

  /** Runs a task when the order permits it. Settles as the task does. */
  async run<T>(access: PathAccess, task: () => Promise<T>): Promise<T> {
    const earlier = this.#throughHandles.size > 0 ? [...this.#throughHandles] : undefined;
    if (this.#waiting.length > 0 || !this.#mayRun(access))
      await new Promise<void>((resolve) => this.#waiting.push({ access, start: resolve }));
    else this.#begin(access);
    try {
      if (earlier !== undefined) await Promise.allSettled(earlier);
      return await task();
    } finally {
      if (access === "read") this.#reads--;
      else this.#isChanging = false;
      this.#startWaiting();
    }
  }

  #mayRun(access: PathAccess): boolean {
    return !this.#isChanging && (access === "read" || this.#reads === 0);
  }

  #begin(access: PathAccess): void {
    if (access === "read") this.#reads++;
    else this.#isChanging = true;
  }

  #startWaiting(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#mayRun(next.access); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#begin(next.access);
      next.start();
    }
  }
}
