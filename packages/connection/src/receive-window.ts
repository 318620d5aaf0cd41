import type { RoundTrip } from "./round-trip.ts";

/** Round trips that half a window is to last: more than one, for credit goes back in steps. */
const ENOUGH = 1.25;

/**
 * On a shorter path than this, in milliseconds, the default window carries 200 MB/s and more, and a larger one would be granted too
 * easily: a busy machine, or one that is just waking up, answers no sooner than in a few milliseconds. It is not harmless: OpenSSH keeps
 * as much of its input as the window lets pass, and moves it about in memory for each packet.
 */
const NEAR = 10;

/** How far the windows of one connection may grow: bytes. */
export interface WindowGrowth {
  /** Up to where one of them may. */
  readonly most: number;
  /** What all of them together still may. */
  spare: number;
}

/**
 * What the peer may still send on a channel. Credit goes back only when the application has consumed bytes, so what a
 * channel holds in memory is never more than the window (RFC 4254 §5.2).
 *
 * The window grows with the path. Credit that goes back by halves reaches the peer in time if half a window lasts for a round
 * trip and a little; where it came sooner, the peer had to wait, and a window of twice the size helps. It never grows for an
 * application that leaves more than half of it unread: then it is not the path that is slow.
 */
export class ReceiveWindow {
  readonly #growth: WindowGrowth;
  readonly #initial: number;
  #size: number;
  /** What the peer has of the window. `#size - #left - #unconsumed` is the credit that has not gone back to it yet. */
  #left: number;
  #unconsumed = 0;
  /** Bytes that came since `#since`, and whether the application fell behind meanwhile. */
  #arrived = 0;
  #fellBehind = false;
  #since = Number.NEGATIVE_INFINITY;

  /** `size` in bytes, 1…2^32 − 1. */
  constructor(size: number, growth: WindowGrowth) {
    this.#growth = growth;
    this.#initial = size;
    this.#size = size;
    this.#left = size;
  }

  /** What the channel may hold in memory now: bytes. */
  get size(): number {
    return this.#size;
  }

  /** Bytes that were taken and not consumed. */
  get unconsumed(): number {
    return this.#unconsumed;
  }

  /** Counts `length` received bytes; false, and nothing counted, when the peer had no right to send them. */
  take(length: number, roundTrip: RoundTrip): boolean {
    // rule: window-exceeded
    if (length > this.#left) return false;
    this.#left -= length;
    this.#unconsumed += length;
    this.#arrived += length;
    if (2 * this.#unconsumed > this.#size) this.#fellBehind = true;
    if (2 * this.#arrived >= this.#size) this.#halfArrived(roundTrip);
    return true;
  }

  /**
   * Counts `length` of the taken bytes as consumed. Returns what the window is to be adjusted by now: 0 until it is
   * half the window, so that adjustments are few and the peer, at a steady pace, is never out of credit.
   */
  consume(length: number): number {
    this.#unconsumed -= length;
    const due = this.#size - this.#left - this.#unconsumed;
    if (2 * due < this.#size) return 0;
    this.#left += due;
    return due;
  }

  /** The channel is closed: others may grow by what this window had. */
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
      // Each time anew: what was known at first may have been the answer of a machine that was just waking up.
      if (this.#mayGrowBy() > 0) roundTrip.measure();
    }
    this.#since = now;
    this.#arrived = 0;
    this.#fellBehind = 2 * this.#unconsumed > this.#size;
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
