/** What a short packet costs, in bytes: it takes about as long to open, or to seal, as the bytes of one of this size. */
const LEAST_COST = 8192;

/** The work of the current turn. One process serves many connections, so no connection may work without end while others wait. */
export class Turn {
  readonly #maxWork: number;
  #work = 0;

  /** `maxWork`: bytes, at least 1. */
  constructor(maxWork: number) {
    this.#maxWork = maxWork;
  }

  /** Whether the turn has done its work. */
  get over(): boolean {
    return this.#work >= this.#maxWork;
  }

  /** Counts a packet of `length` bytes that was received. */
  received(length: number): void {
    // rule: short-packet-cost
    this.#work += Math.max(length, LEAST_COST);
  }

  /** Counts a packet that is sent. Its bytes do not count: those that may wait for the socket are bounded already (`highWater`). */
  sent(): void {
    // rule: sent-packet-cost
    this.#work += LEAST_COST;
  }

  /** Begins the next turn. */
  renew(): void {
    this.#work = 0;
  }
}
