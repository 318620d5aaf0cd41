/** The least cost of a packet, in bytes: a short one takes about as long to open, or to seal, as one of this size. */
const LEAST_COST = 4096;

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

  /** Counts a packet of `length` bytes, sent or received. */
  count(length: number): void {
    // rule: short-packet-cost
    this.#work += Math.max(length, LEAST_COST);
  }

  /** Begins the next turn. */
  renew(): void {
    this.#work = 0;
  }
}
