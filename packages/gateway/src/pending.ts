import type { CloseReason } from "@nacre/tunnel";

/** A WebSocket that waits for a message from its client. */
export interface Waiting {
  /** Time at which the WebSocket is refused. */
  deadline: number;
  /** Closes the WebSocket: at the deadline, to make room for another one, or at shutdown. */
  refuse(reason: CloseReason): void;
}

/** WebSockets that have not opened a connection yet, oldest first. */
export class Pending {
  readonly #most: number;
  readonly #waiting = new Set<Waiting>();

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Adds a WebSocket. At the limit, refuses the oldest, which is rarely a client that sends its first message promptly. */
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
