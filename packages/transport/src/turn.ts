/** Minimum cost of a packet in bytes. Opening or sealing a short packet takes about as long as this many bytes of a long one. */
const LEAST_COST = 8192;

/** Work of the current turn. One process serves many connections, so a connection must yield after a bounded amount of work. */
export class Turn {
  /** Remaining work in bytes. At 0 or below, nothing more is received in this turn; below 0, no more bulk data is sent. */
  left: number;
  readonly #maxWork: number;

  /** `maxWork` is in bytes, at least 1. */
  constructor(maxWork: number) {
    this.#maxWork = maxWork;
    this.left = maxWork;
  }

  /** Counts a received packet of `length` bytes. */
  received(length: number): void {
    // rule: short-packet-cost
    this.left -= Math.max(length, LEAST_COST);
  }

  /** Counts a sent packet, regardless of its length: `highWater` already limits the bytes that wait for the socket. */
  sent(): void {
    // rule: sent-packet-cost
    this.left -= LEAST_COST;
  }

  /** Begins the next turn. */
  renew(): void {
    this.left = this.#maxWork;
  }
}
