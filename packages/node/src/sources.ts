/** Why a source is penalised: what a connection did before it ended without a login. */
export type Offence = "authFail" | "noAuth" | "graceExceeded";

/** For how many milliseconds each offence adds to a source's penalty, as sshd's PerSourcePenalties. */
export interface Penalties extends Readonly<Record<Offence, number>> {
  /** Penalties are enforced from this many milliseconds on. */
  readonly min: number;
  /** A penalty never lasts longer than this from now. */
  readonly max: number;
}

/** What {@link Sources} allows. Times are milliseconds. */
export interface SourceRules {
  /** Connections of one source at once without a login. */
  readonly maxUnauthenticated: number;
  /** How many of these count against other sources. */
  readonly share: number;
  readonly penalties: Penalties | undefined;
  /** The longest delay of the answer to a failed login; 0 for none. */
  readonly maxFailureDelay: number;
  /** Sources that are remembered; beyond that the one that was quiet longest is forgotten. */
  readonly maxSources: number;
}

/** The answer to the first failed login of a source is delayed by this, to each further one by twice as much. */
const FIRST_DELAY = 100;
/** A source without failed logins for this long starts anew. */
const FORGET_FAILURES_AFTER = 60_000;
/** No more than one search for records that are over in this time. */
const SWEEP_INTERVAL = 1000;

interface SourceRecord {
  /** When its penalty is over. */
  penaltyEnds: number;
  /** Whether the penalty has reached `min`. */
  enforced: boolean;
  failures: number;
  lastFailure: number;
}

/**
 * What is known of the sources of connections: how many each has open without a login, and what it did before. A source is any text, such
 * as an address or a network; `undefined` is a connection that has none and is never refused here. Times are passed in, in milliseconds
 * of a clock that never goes back. Memory is bounded by `maxSources` and by the connections that are open.
 */
export class Sources {
  readonly #rules: SourceRules;
  /** Open connections without a login, by source. */
  readonly #open = new Map<string, number>();
  /** The one that was quiet longest first. */
  readonly #records = new Map<string, SourceRecord>();
  /** Open connections as other sources see them. */
  #shared = 0;
  #lastSweep = Number.NEGATIVE_INFINITY;

  constructor(rules: SourceRules) {
    this.#rules = rules;
  }

  /** How many sources have a record. */
  get size(): number {
    return this.#records.size;
  }

  /** Why a new connection of this source is refused, if it is. */
  refusal(source: string | undefined, now: number): "penalty" | "max-per-source" | undefined {
    if (source === undefined) return undefined;
    const record = this.#records.get(source);
    // rule: source-penalty
    if (record?.enforced && record.penaltyEnds > now) return "penalty";
    return /* rule: source-count */ this.#count(source) >= this.#rules.maxUnauthenticated
      ? "max-per-source"
      : undefined;
  }

  /**
   * How many connections without a login count against one more of this source: all of its own, and a few of each other source, so that
   * one source cannot crowd out the others.
   */
  pressure(source: string | undefined): number {
    if (source === undefined) return this.#shared;
    const own = this.#count(source);
    return this.#shared - this.#seenByOthers(own) + own;
  }

  /** A connection was accepted. Call {@link settled} once when it has logged in or ended. */
  opened(source: string | undefined): void {
    this.#add(source, 1);
  }

  settled(source: string | undefined): void {
    this.#add(source, -1);
  }

  /** A connection of this source ended without a login. Penalties add up, and run down with time. */
  penalise(source: string | undefined, offence: Offence, now: number): void {
    const { penalties } = this.#rules;
    if (source === undefined || penalties === undefined) return;
    const record = this.#record(source, now);
    if (record.penaltyEnds <= now) record.enforced = false;
    record.penaltyEnds = Math.min(Math.max(record.penaltyEnds, now) + penalties[offence], now + penalties.max);
    if (record.penaltyEnds - now >= penalties.min) record.enforced = true;
  }

  /** A login of this source failed. Returns by how many milliseconds its answer is delayed. */
  failed(source: string | undefined, now: number): number {
    const { maxFailureDelay } = this.#rules;
    if (source === undefined || maxFailureDelay === 0) return 0;
    const record = this.#record(source, now);
    if (now - record.lastFailure > FORGET_FAILURES_AFTER) record.failures = 0;
    record.lastFailure = now;
    return Math.min(FIRST_DELAY * /* rule: penalty-doubles */ 2 ** record.failures++, maxFailureDelay);
  }

  #count(source: string): number {
    return this.#open.get(source) ?? 0;
  }

  #seenByOthers(count: number): number {
    return Math.min(count, this.#rules.share);
  }

  #add(source: string | undefined, change: 1 | -1): void {
    if (source === undefined) {
      this.#shared += change;
      return;
    }
    const before = this.#count(source);
    const count = before + change;
    if (count > 0) this.#open.set(source, count);
    else this.#open.delete(source);
    this.#shared += this.#seenByOthers(count) - this.#seenByOthers(before);
  }

  #record(source: string, now: number): SourceRecord {
    const known = this.#records.get(source);
    this.#records.delete(source);
    // rule: source-room
    if (known === undefined) this.#makeRoom(now);
    const record = known ?? {
      penaltyEnds: now,
      enforced: false,
      failures: 0,
      lastFailure: Number.NEGATIVE_INFINITY,
    };
    // Last in the order.
    this.#records.set(source, record);
    return record;
  }

  #makeRoom(now: number): void {
    if (this.#records.size < this.#rules.maxSources) return;
    if (now - this.#lastSweep >= SWEEP_INTERVAL) {
      this.#lastSweep = now;
      for (const [source, { penaltyEnds, lastFailure }] of this.#records)
        if (penaltyEnds <= now && now - lastFailure > FORGET_FAILURES_AFTER) this.#records.delete(source);
    }
    for (const [quietest] of this.#records) {
      if (this.#records.size < this.#rules.maxSources) return;
      this.#records.delete(quietest);
    }
  }
}
