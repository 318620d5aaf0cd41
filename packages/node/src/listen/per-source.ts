import { addressMatcher, networkOf } from "@nacre/keyfiles/internal";
import { checkLimit, MAX_MILLISECONDS, MAX_UINT32, SshError } from "@nacre/wire";
import { checkOptions, type OptionRows } from "nacre/extend";
import type { PerSourceOptions, RandomEarlyDrop } from "./listen-options.ts";

/** OpenSSH's default penalties, in milliseconds. */
const PENALTIES: Penalties = { authFail: 5000, noAuth: 1000, graceExceeded: 10_000, min: 15_000, max: 600_000 };

/** State of a server's sources, and a function that returns the source of an address, or `undefined` if it is exempt. */
export interface PerSource {
  readonly sources: Sources;
  readonly sourceOf: (address: string) => string | undefined;
}

const PER_SOURCE_OPTIONS: OptionRows<PerSourceOptions> = {
  maxUnauthenticated: true,
  netBlockSize: "object",
  penalties: "object or boolean",
  maxFailureDelay: true,
  maxSources: true,
  exempt: "array",
};

/** Applies the defaults to the options. Throws `usage` for values out of range. */
export function perSource(
  options: PerSourceOptions | boolean | undefined,
  { start, full }: RandomEarlyDrop,
): PerSource {
  if (options === true) throw new SshError("usage", "`perSource` must be an object with limits, or false");
  if (options !== false && options !== undefined) checkOptions(options, PER_SOURCE_OPTIONS, "`perSource`");
  const {
    maxUnauthenticated = Math.max(start, Math.ceil(full / 2)),
    netBlockSize: { ipv4 = 32, ipv6 = 64 } = {},
    penalties = {},
    maxFailureDelay = 2000,
    maxSources = 65_536,
    exempt = [],
  } = options === false ? {} : (options ?? {});
  const times = penalties === false ? undefined : { ...PENALTIES, ...defined(penalties) };
  check("maxUnauthenticated", maxUnauthenticated, { least: 1, most: MAX_UINT32, unit: "connections" });
  check("netBlockSize.ipv4", ipv4, { least: 0, most: 32, unit: "bits" });
  check("netBlockSize.ipv6", ipv6, { least: 0, most: 128, unit: "bits" });
  check("maxFailureDelay", maxFailureDelay, { least: 0, most: 60_000, unit: "milliseconds" });
  check("maxSources", maxSources, { least: 1, most: 2 ** 24, unit: "sources" });
  for (const [name, time] of Object.entries(times ?? {}))
    check(`penalties.${name}`, time, { least: 0, most: MAX_MILLISECONDS, unit: "milliseconds" });
  const isExempt = addressMatcher("perSource.exempt", exempt);
  return {
    sources: new Sources({
      maxUnauthenticated,
      share: Math.max(1, Math.floor(start / 2)),
      penalties: times,
      maxFailureDelay,
      maxSources,
    }),
    sourceOf: (address) => (options === false || isExempt(address) ? undefined : networkOf(address, { ipv4, ipv6 })),
  };
}

function check(name: string, value: unknown, range: Parameters<typeof checkLimit>[2]): void {
  checkLimit(`perSource.${name}`, value, range);
}

/** Returns the properties that are not `undefined`. */
function defined<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never;
}

/** Reason for a penalty: how a connection failed to log in. */
export type Offence = "authFail" | "noAuth" | "graceExceeded";

/** Penalty in milliseconds for each offence, as in sshd's PerSourcePenalties. */
export interface Penalties extends Readonly<Record<Offence, number>> {
  /** Minimum total penalty that is enforced, in milliseconds. */
  readonly min: number;
  /** Maximum remaining penalty, in milliseconds. */
  readonly max: number;
}

/** Limits of {@link Sources}. Times are in milliseconds. */
export interface SourceLimits {
  /** Maximum number of simultaneous connections of one source without a login. */
  readonly maxUnauthenticated: number;
  /** Maximum number of these that count against other sources. */
  readonly share: number;
  readonly penalties: Penalties | undefined;
  /** Maximum delay of the answer to a failed login; 0 disables delays. */
  readonly maxFailureDelay: number;
  /** Maximum number of remembered sources. Above it, the least recently active source is forgotten. */
  readonly maxSources: number;
}

/** Delay of the answer to a source's first failed login, in milliseconds; each further failure doubles it. */
const FIRST_DELAY = 100;
/** Time in milliseconds without a failed login after which the delay starts again at `FIRST_DELAY`. */
const FORGET_FAILURES_AFTER = 60_000;
/** Minimum time between two searches for expired records, in milliseconds. */
const SWEEP_INTERVAL = 1000;

interface SourceRecord {
  /** End time of the penalty. */
  penaltyEnds: number;
  /** Whether the penalty has reached `min`. */
  enforced: boolean;
  failures: number;
  lastFailure: number;
}

/**
 * Tracks the sources of connections: open connections without a login, penalties and failed logins. A source is any string, such as an
 * address or network. The source `undefined` is never refused. Times are passed in as milliseconds of a monotonic clock. Memory is bounded
 * by `maxSources` and by the open connections.
 */
export class Sources {
  readonly #limits: SourceLimits;
  /** Open connections without a login, by source. */
  readonly #open = new Map<string, number>();
  /** Records in order of last activity, oldest first. */
  readonly #records = new Map<string, SourceRecord>();
  /** Number of open connections as counted against other sources. */
  #shared = 0;
  #lastSweep = Number.NEGATIVE_INFINITY;

  constructor(limits: SourceLimits) {
    this.#limits = limits;
  }

  /** Number of sources with a record. */
  get size(): number {
    return this.#records.size;
  }

  /** Returns the reason to refuse a new connection of this source, or `undefined` to accept it. */
  refusal(source: string | undefined, now: number): "penalty" | "max-per-source" | undefined {
    if (source === undefined) return undefined;
    const record = this.#records.get(source);
    // rule: source-penalty
    if (record?.enforced && record.penaltyEnds > now) return "penalty";
    return /* rule: source-count */ this.#count(source) >= this.#limits.maxUnauthenticated
      ? "max-per-source"
      : undefined;
  }

  /**
   * Returns the number of connections without a login that count against a new one of this source. All of its own count, but only `share`
   * of each other source, so that one source cannot lock out the others.
   */
  pressure(source: string | undefined): number {
    if (source === undefined) return this.#shared;
    const own = this.#count(source);
    return this.#shared - this.#seenByOthers(own) + own;
  }

  /** Counts an accepted connection. Call {@link settled} once after it logs in or ends. */
  opened(source: string | undefined): void {
    this.#add(source, 1);
  }

  settled(source: string | undefined): void {
    this.#add(source, -1);
  }

  /** Penalises a source for a connection that ended without a login. Penalties add up and expire with time. */
  penalise(source: string | undefined, offence: Offence, now: number): void {
    const { penalties } = this.#limits;
    if (source === undefined || penalties === undefined) return;
    const record = this.#record(source, now);
    if (record.penaltyEnds <= now) record.enforced = false;
    record.penaltyEnds = Math.min(Math.max(record.penaltyEnds, now) + penalties[offence], now + penalties.max);
    if (record.penaltyEnds - now >= penalties.min) record.enforced = true;
  }

  /** Counts a failed login of this source. Returns the delay of its answer in milliseconds. */
  failed(source: string | undefined, now: number): number {
    const { maxFailureDelay } = this.#limits;
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
    return Math.min(count, this.#limits.share);
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
    // Move the record to the end of the order.
    this.#records.set(source, record);
    return record;
  }

  #makeRoom(now: number): void {
    if (this.#records.size < this.#limits.maxSources) return;
    if (now - this.#lastSweep >= SWEEP_INTERVAL) {
      this.#lastSweep = now;
      for (const [source, { penaltyEnds, lastFailure }] of this.#records)
        if (penaltyEnds <= now && now - lastFailure > FORGET_FAILURES_AFTER) this.#records.delete(source);
    }
    for (const [quietest] of this.#records) {
      if (this.#records.size < this.#limits.maxSources) return;
      this.#records.delete(quietest);
    }
  }
}
