/** The least cost of a packet, in bytes: a short one takes about as long to open, or to seal, as one of this size. */
const LEAST_COST = 4096;

/** The work of the current turn. One process serves many connections, so no connection may work without end while others wait. */
export class Turn {
  readonly #maxWork: number;
  #work = 0;

  /** `maxWork`: bytes. A turn does something, whatever the limit: 0 counts as 1. */
  constructor(maxWork: number) {
    this.#maxWork = Math.max(maxWork, 1);
  }

  /** Whether the turn has done its work. */
  get over(): boolean {
    return this.#work >= this.#maxWork;
  }

  /** Counts a packet of `length` bytes, sent or received. */
  count(length: number): void {
    this.#work += Math.max(length, LEAST_COST);
  }

  /** Begins the next turn. */
  renew(): void {
    this.#work = 0;
  }
}
