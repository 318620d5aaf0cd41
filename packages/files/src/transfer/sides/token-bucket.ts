import { onAbort } from "nacre/extend";
import type { TransferClock } from "./clock.ts";

/** Capacity of the bucket: the bytes of this time in milliseconds. */
const BURST_TIME = 250;

/** Minimum and maximum of `piece` in bytes. */
const LEAST_PIECE = 1024;
const MOST_PIECE = 256 * 1024;

/**
 * Limits the bytes moved per second. Callers get bytes in the order of their calls, regardless of their number, so that no file starves. A
 * timer runs only while callers wait.
 */
export class TokenBucket {
  /** Length in bytes to take at once: the bytes of a twentieth of a second, within bounds. */
  readonly piece: number;
  readonly #perMs: number;
  readonly #most: number;
  readonly #clock: TransferClock;
  readonly #waiting: { readonly length: number; readonly resolve: () => void }[] = [];
  #bytes: number;
  #filledAt: number;
  #cancelTimer: (() => void) | undefined;

  /** `limit` is in bytes per second. */
  constructor(limit: number, clock: TransferClock) {
    this.#perMs = limit / 1000;
    this.#most = this.#perMs * BURST_TIME;
    this.#clock = clock;
    this.#bytes = this.#most;
    this.#filledAt = clock.now();
    this.piece = Math.floor(Math.min(Math.max(limit / 20, LEAST_PIECE), MOST_PIECE));
  }

  /** Resolves when `length` bytes may move, or when the signal aborts. */
  async take(length: number, signal: AbortSignal | undefined): Promise<void> {
    this.#fill();
    if (this.#waiting.length === 0 && this.#canTake(length)) {
      this.#bytes -= length;
      return;
    }
    if (signal?.aborted === true) return;
    await new Promise<void>((resolve) => {
      const waiter = {
        length,
        resolve: () => {
          unwatch?.();
          resolve();
        },
      };
      this.#waiting.push(waiter);
      const unwatch = signal && onAbort(signal, () => this.#leave(waiter));
      this.#schedule();
    });
  }

  #leave(waiter: { readonly length: number; readonly resolve: () => void }): void {
    const index = this.#waiting.indexOf(waiter);
    if (index >= 0) this.#waiting.splice(index, 1);
    waiter.resolve();
    this.#schedule();
  }

  /** A `length` above the capacity may be taken when the bucket is full. Its balance is negative then. */
  #canTake(length: number): boolean {
    return this.#bytes >= Math.min(length, this.#most);
  }

  #fill(): void {
    const now = this.#clock.now();
    this.#bytes = Math.min(this.#most, this.#bytes + (now - this.#filledAt) * this.#perMs);
    this.#filledAt = now;
  }

  #serve(): void {
    this.#fill();
    for (let first = this.#waiting[0]; first !== undefined && this.#canTake(first.length); first = this.#waiting[0]) {
      this.#bytes -= first.length;
      this.#waiting.shift();
      first.resolve();
    }
    this.#schedule();
  }

  #schedule(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    const first = this.#waiting[0];
    if (first === undefined) return;
    const missing = Math.min(first.length, this.#most) - this.#bytes;
    const ms = Math.max(1, Math.ceil(missing / this.#perMs));
    this.#cancelTimer = this.#clock.after(ms, () => {
      this.#cancelTimer = undefined;
      this.#serve();
    });
  }
}
