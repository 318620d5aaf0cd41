import type { RoundTrip } from "./round-trip.ts";

/** Round trips that half a window should last. More than one, because credit is returned in steps. */
const ENOUGH = 1.25;

/**
 * Shortest round trip, in milliseconds, at which windows grow. On a shorter path the default window already carries 200 MB/s and more.
 * There, a busy or waking machine would cause growth by answering a few milliseconds late. Needless growth has a cost: OpenSSH buffers as
 * much input as the window allows, and moves it in memory for each packet.
 */
const NEAR = 10;

/** Bytes by which the windows of one connection may grow. */
export interface WindowGrowth {
  /** Maximum size of one window. */
  readonly most: number;
  /** Remaining total growth of all windows. */
  spare: number;
}

/**
 * Receive window of a channel. Credit is returned only when the application consumes bytes, so a channel never buffers more than its window
 * (RFC 4254 §5.2).
 *
 * The window adapts to the path. Credit is returned half a window at a time. It reaches the peer in time if half a window lasts slightly
 * longer than a round trip. If half a window arrives sooner, the peer had to wait, and the window doubles. It does not grow while the
 * application leaves more than half of it unread, since then the path is not the bottleneck.
 */
export class ReceiveWindow {
  readonly #growth: WindowGrowth;
  readonly #initial: number;
  #size: number;
  /** Bytes the peer may still send. `#size - #left - unconsumed` is the credit not yet returned. */
  #left: number;
  /** Bytes received but not consumed. */
  unconsumed = 0;
  /** Bytes received since `#since`, and whether more than half the window was unread at some point since. */
  #arrived = 0;
  #fellBehind = false;
  #since = Number.NEGATIVE_INFINITY;

  /** `size`: initial window in bytes, 1 to 2^32 − 1. */
  constructor(size: number, growth: WindowGrowth) {
    this.#growth = growth;
    this.#initial = size;
    this.#size = size;
    this.#left = size;
  }

  /** Current size in bytes; the channel never buffers more. */
  get size(): number {
    return this.#size;
  }

  /** Bytes the peer may still send. */
  get left(): number {
    return this.#left;
  }

  /** Counts `length` received bytes. Returns false and counts nothing if they exceed the window. */
  take(length: number, roundTrip: RoundTrip): boolean {
    // rule: window-exceeded
    if (length > this.#left) return false;
    this.#left -= length;
    this.unconsumed += length;
    this.#arrived += length;
    if (2 * this.unconsumed > this.#size) this.#fellBehind = true;
    if (2 * this.#arrived >= this.#size) this.#halfArrived(roundTrip);
    return true;
  }

  /**
   * Counts `length` bytes as consumed. Returns the window adjustment to send now: 0 until half the window is due. So adjustments are few,
   * and at a steady pace the peer never runs out of credit.
   */
  consume(length: number): number {
    this.unconsumed -= length;
    const due = this.#size - this.#left - this.unconsumed;
    if (2 * due < this.#size) return 0;
    this.#left += due;
    return due;
  }

  /** Returns this window's growth to the total when the channel closes. */
  release(): void {
    this.#growth.spare += this.#size - this.#initial;
    this.#size = this.#initial;
  }

  #halfArrived(roundTrip: RoundTrip): void {
    const { now, shortest, measured } = roundTrip;
    if (now === undefined) return;
    const tooSoon = shortest !== undefined && shortest >= NEAR && now - this.#since < ENOUGH * shortest;
    if (!this.#fellBehind && (tooSoon || shortest === undefined)) {
      if (tooSoon && measured) this.#grow();
      // Measure again each time: an earlier result may come from a machine that was just waking up.
      if (this.#mayGrowBy() > 0) roundTrip.measure();
    }
    this.#since = now;
    this.#arrived = 0;
    this.#fellBehind = 2 * this.unconsumed > this.#size;
  }

  #grow(): void {
    const step = this.#mayGrowBy();
    this.#growth.spare -= step;
    this.#size += step;
  }

  #mayGrowBy(): number {
    const { most, spare } = this.#growth;
    return Math.max(0, Math.min(this.#size, most - this.#size, spare));
  }
}
