/**
 * What the peer may still send on a channel. Credit goes back only when the application has consumed bytes, so what a
 * channel holds in memory is never more than the window (RFC 4254 §5.2).
 */
export class ReceiveWindow {
  readonly #size: number;
  /** `#left + #unconsumed + #credit` is always `#size`. */
  #left: number;
  #unconsumed = 0;
  #credit = 0;

  /** `size` in bytes, 1…2^32 − 1. */
  constructor(size: number) {
    this.#size = size;
    this.#left = size;
  }

  /** Bytes that were taken and not consumed. */
  get unconsumed(): number {
    return this.#unconsumed;
  }

  /** Counts `length` received bytes; false, and nothing counted, when the peer had no right to send them. */
  take(length: number): boolean {
    if (length > this.#left) return false;
    this.#left -= length;
    this.#unconsumed += length;
    return true;
  }

  /**
   * Counts `length` of the taken bytes as consumed. Returns what the window is to be adjusted by now: 0 until it is
   * half the window, so that adjustments are few and the peer, at a steady pace, is never out of credit.
   */
  consume(length: number): number {
    this.#unconsumed -= length;
    this.#credit += length;
    if (2 * this.#credit < this.#size) return 0;
    const due = this.#credit;
    this.#left += due;
    this.#credit = 0;
    return due;
  }
}
