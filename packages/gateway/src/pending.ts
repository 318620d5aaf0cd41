import type { CloseReason } from "@nacre/tunnel";

/** A WebSocket from which a message is awaited. */
export interface Waiting {
  /** When its time is over. */
  deadline: number;
  /** It is closed because of that, or to make room. */
  refuse(reason: CloseReason): void;
}

/** WebSockets that have not opened a connection yet, the oldest first. */
export class Pending {
  readonly #most: number;
  readonly #waiting = new Set<Waiting>();

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Adds one, and ends the oldest if there are too many: a client that opens its connection at once is not among these. */
  add(one: Waiting): void {
    // rule: pending-room
    if (this.#waiting.size >= this.#most)
      for (const oldest of this.#waiting) {
        oldest.refuse("too-many");
        break;
      }
    this.#waiting.add(one);
  }

  delete(one: Waiting): void {
    this.#waiting.delete(one);
  }

  tick(now: number): void {
    for (const one of this.#waiting) if (now >= one.deadline) one.refuse("first-message-timeout");
  }

  closeAll(): void {
    for (const one of this.#waiting) one.refuse("shutdown");
  }
}
