import { macrotask } from "../macrotask.ts";

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

/** A clock for transfers that stands still until the test moves it. */
export class TestClock {
  #now = 0;
  readonly #timers = new Set<Timer>();

  /** Number of timers that wait. */
  get timers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#now + ms, callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Moves the clock, and lets everything happen that happens meanwhile. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (let next = this.#next(); next !== undefined && next.at <= end; next = this.#next()) {
      this.#fire(next);
      await settle();
    }
    this.#now = end;
  }

  /** Moves the clock from timer to timer until `isDone`. */
  async run(isDone: () => boolean): Promise<void> {
    for (await settle(); !isDone(); await settle()) {
      const next = this.#next();
      if (next === undefined) await macrotask();
      else this.#fire(next);
    }
  }

  #next(): Timer | undefined {
    return [...this.#timers].reduce<Timer | undefined>(
      (first, timer) => (first === undefined || timer.at < first.at ? timer : first),
      undefined,
    );
  }

  #fire(timer: Timer): void {
    this.#timers.delete(timer);
    this.#now = Math.max(this.#now, timer.at);
    timer.callback();
  }
}

/** Lets pending promises and events happen. */
async function settle(): Promise<void> {
  for (let i = 0; i < 4; i++) await macrotask();
}
