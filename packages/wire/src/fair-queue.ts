/** Work for a {@link FairQueue}. */
export interface QueuedWork {
  /** Users on whose behalf the work is done, the narrowest first, such as a login and its address. Compared by identity. */
  readonly users: readonly unknown[];
  /** Number of slots that are kept free for work with 0. Work with 0 does not count against the rest. */
  readonly leaves: number;
  /** Called when the work has a slot, possibly within `add` or `done`. It keeps the slot until `done`. */
  start(): void;
}

/** Work of one user. */
interface Use {
  running: number;
  waiting: number;
  /** Number of the user's last start; 0 before the first. */
  startedAt: number;
}

/**
 * Runs work in a number of slots, and lets users wait in line: the next slot goes to those whose last work started longest ago. A user has
 * at most half of the slots that others leave, rounded up, and at most `maxWaiting` pieces of work that wait. The second user of a piece of
 * work may always have two slots, and twice as much work that waits, so that one login does not stop another one of the same address.
 */
export class FairQueue {
  readonly #slots: number;
  readonly #maxWaiting: number;
  /** In the order of `add`. */
  readonly #waiting = new Set<QueuedWork>();
  readonly #uses = new Map<unknown, Use>();
  #running = 0;
  /** Running work that leaves slots. */
  #leaving = 0;
  #starts = 0;

  constructor(slots: number, maxWaiting: number) {
    this.#slots = slots;
    this.#maxWaiting = maxWaiting;
  }

  /** Starts the work now, or when it is first in line. Returns false, without adding it, if too much work of one of its users waits. */
  add(work: QueuedWork): boolean {
    // rule: fair-queue-waiting
    if (work.users.some((user, index) => (this.#uses.get(user)?.waiting ?? 0) >= (index + 1) * this.#maxWaiting))
      return false;
    for (const user of work.users) this.#use(user).waiting++;
    this.#waiting.add(work);
    this.#startNext();
    return true;
  }

  /** Removes work that waits. Has no effect on work that has started. */
  leave(work: QueuedWork): void {
    if (!this.#waiting.delete(work)) return;
    for (const user of work.users) this.#use(user).waiting--;
    this.#forget(work);
  }

  /** Frees the slot of work that has started. */
  done(work: QueuedWork): void {
    this.#running--;
    if (work.leaves > 0) this.#leaving--;
    for (const user of work.users) this.#use(user).running--;
    this.#forget(work);
    this.#startNext();
  }

  #startNext(): void {
    for (let work = this.#next(); work !== undefined; work = this.#next()) {
      this.#waiting.delete(work);
      this.#running++;
      if (work.leaves > 0) this.#leaving++;
      this.#starts++;
      for (const user of work.users) {
        const use = this.#use(user);
        use.waiting--;
        use.running++;
        use.startedAt = this.#starts;
      }
      work.start();
    }
  }

  /** Returns the work that is next, or `undefined` if none may start. */
  #next(): QueuedWork | undefined {
    let next: QueuedWork | undefined;
    let first = Number.POSITIVE_INFINITY;
    for (const work of this.#waiting) {
      const startedAt = work.users.reduce((sum: number, user) => sum + this.#use(user).startedAt, 0);
      // rule: fair-queue-turns
      if (startedAt >= first) continue;
      if (!this.#mayStart(work)) continue;
      next = work;
      first = startedAt;
    }
    return next;
  }

  #mayStart({ users, leaves }: QueuedWork): boolean {
    const free = this.#slots - this.#running;
    if (free === 0) return false;
    // rule: fair-queue-room
    if (leaves > 0 && this.#leaving + leaves >= this.#slots) return false;
    return users.every((user, index) => {
      const { running } = this.#use(user);
      // rule: fair-queue-share
      return running < Math.max(index + 1, Math.ceil((free + running) / 2));
    });
  }

  #use(user: unknown): Use {
    let use = this.#uses.get(user);
    if (use === undefined) {
      use = { running: 0, waiting: 0, startedAt: 0 };
      this.#uses.set(user, use);
    }
    return use;
  }

  /** Forgets the users of this work that have no other work. */
  #forget({ users }: QueuedWork): void {
    for (const user of users) {
      const { running, waiting } = this.#use(user);
      if (running + waiting === 0) this.#uses.delete(user);
    }
  }
}
