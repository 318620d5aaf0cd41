/** Initial number of bytes of a transfer that may be in flight. */
const LEAST_BYTES = 2 * 1024 * 1024;

/** Maximum number of bytes that one transfer requests ahead: requested, or received but not consumed yet. The same limit as in sftp(1). */
export const MOST_BYTES: number = 16 * 1024 * 1024;

/** Maximum number of requests in flight for one transfer. */
export const MOST_BLOCKS = 512;

/** Limits of one transfer, below those of the server and of `Depth`. */
export interface BlockLimits {
  /** Maximum number of blocks in flight, or received and not delivered; default 512. */
  readonly maxBlocks?: number | undefined;
  /** Maximum length of a block in bytes; default that of the server. */
  readonly maxBlockLength?: number | undefined;
  /** Maximum number of bytes that a reader has in flight, or received and not delivered; default 16 MiB. */
  readonly maxBytes?: number | undefined;
}

/** A block of a file in flight. */
export interface TimedBlock {
  /** Time when it was sent, in milliseconds. */
  sentAt: number;
  /** Value of `Depth.delivered` when it was sent. */
  deliveredBefore: number;
}

/**
 * Decides how many bytes of a transfer may be in flight. Twice the bytes that arrive in one round trip keep the path busy: this number at
 * most doubles in each round trip, and stops where more bytes would only wait in a queue. Bounded by `most`, 16 MiB by default.
 */
export class Depth {
  /** Bytes that may be in flight. */
  bytes: number;
  readonly #most: number;
  #delivered = 0;
  /** Shortest time from a request to its reply in milliseconds. */
  #roundTrip = Number.POSITIVE_INFINITY;

  constructor(most: number = MOST_BYTES) {
    this.#most = most;
    this.bytes = Math.min(LEAST_BYTES, most);
  }

  /** Notes that a block is sent now. */
  sent(block: TimedBlock): void {
    block.sentAt = performance.now();
    block.deliveredBefore = this.#delivered;
  }

  /** Notes that `length` bytes of a block have arrived. */
  replied(block: TimedBlock, length: number): void {
    this.#delivered += length;
    if (this.bytes === this.#most) return;
    // Clocks of browsers have steps of up to 1 ms.
    const elapsed = Math.max(performance.now() - block.sentAt, 0.1);
    this.#roundTrip = Math.min(this.#roundTrip, elapsed);
    const perRoundTrip = ((this.#delivered - block.deliveredBefore) * this.#roundTrip) / elapsed;
    this.bytes = Math.min(Math.max(this.bytes, 2 * perRoundTrip), this.#most);
  }
}
