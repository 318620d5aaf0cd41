/** What a short packet costs, in bytes: it takes about as long to open, or to seal, as the bytes of one of this size. */
const LEAST_COST = 8192;

/** The work of the current turn. One process serves many connections, so no connection may work without end while others wait. */
export class Turn {
  /** Work left, in bytes. At 0 or below the turn is over. */
  left: number;
  readonly #maxWork: number;

  /** `maxWork`: bytes, at least 1. */
  constructor(maxWork: number) {
    this.#maxWork = maxWork;
    this.left = maxWork;
  }

  /** Counts a packet of `length` bytes that was received. */
  received(length: number): void {
    // rule: short-packet-cost
    this.left -= Math.max(length, LEAST_COST);
  }

  /** Counts a packet that is sent. Its bytes do not count: those that may wait for the socket are bounded already (`highWater`). */
  sent(): void {
    // rule: sent-packet-cost
    this.left -= LEAST_COST;
  }

  /** Begins the next turn. */
  renew(): void {
    this.left = this.#maxWork;
  }
}
