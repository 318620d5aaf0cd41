/** Limits that {@link Clients} enforces. */
interface ClientBounds {
  readonly maxConnections: number;
  readonly maxConnectionsPerClient: number;
  readonly maxNewPerSecond: number;
  readonly maxNewPerSecondPerClient: number;
  readonly maxParkedBytes: number;
  readonly maxParkedBytesPerClient: number;
}

interface ClientRecord {
  connections: number;
  parkedBytes: number;
  readonly rate: Rate;
  readonly refusedRate: Rate;
}

/** Most records of clients without a connection. */
const MAX_RECORDS = 65_536;

/** Counts connections, new requests per second and bytes of parked connections, for each client and in total. */
export class Clients {
  readonly #bounds: ClientBounds;
  readonly #records = new Map<string, ClientRecord>();
  readonly #rate: Rate;
  readonly #refusedRate: Rate;
  #connections = 0;
  #parkedBytes = 0;

  constructor(bounds: ClientBounds, now: number) {
    this.#bounds = bounds;
    this.#rate = new Rate(bounds.maxNewPerSecond, now);
    this.#refusedRate = new Rate(bounds.maxNewPerSecond, now);
  }

  /** Number of connections of all clients. */
  get connections(): number {
    return this.#connections;
  }

  get parkedBytes(): number {
    return this.#parkedBytes;
  }

  /** Number of clients with a record. */
  get size(): number {
    return this.#records.size;
  }

  /**
   * Counts a new request. Returns false if the client or all clients together exceed their rate. Requests that are refused anyway have
   * rates of their own, so that pages of other sites cannot use up those of their visitors' address.
   */
  mayBegin(client: string, now: number, isRefused: boolean): boolean {
    const record = this.#record(client, now);
    // rule: refused-rate
    if (isRefused) return record.refusedRate.take(now) && this.#refusedRate.take(now);
    // rule: client-rate
    return record.rate.take(now) && /* rule: total-rate */ this.#rate.take(now);
  }

  /** Counts a connection. Returns false, without counting it, if the client or the gateway has too many. */
  add(client: string, now: number): boolean {
    const record = this.#record(client, now);
    // rule: client-connections
    if (record.connections >= this.#bounds.maxConnectionsPerClient) return false;
    // rule: total-connections
    if (this.#connections >= this.#bounds.maxConnections) return false;
    record.connections++;
    this.#connections++;
    return true;
  }

  remove(client: string): void {
    this.#records.get(client)!.connections--;
    this.#connections--;
  }

  /** Counts bytes of a parked connection. Returns false, without counting them, if the client's bytes exceed a limit. */
  park(client: string, bytes: number): boolean {
    const record = this.#records.get(client)!;
    const sum = record.parkedBytes + bytes;
    // rule: parked-bytes-per-client
    if (sum > this.#bounds.maxParkedBytesPerClient) return false;
    const left = this.#bounds.maxParkedBytes - (this.#parkedBytes - record.parkedBytes);
    // A client may hold half of what the others leave, so that something is left for the next.
    // rule: parked-bytes
    if (sum > left / 2) return false;
    record.parkedBytes = sum;
    this.#parkedBytes += bytes;
    return true;
  }

  unpark(client: string, bytes: number): void {
    this.#records.get(client)!.parkedBytes -= bytes;
    this.#parkedBytes -= bytes;
  }

  /** Deletes the records of clients that have no connection and full token buckets. */
  sweep(now: number): void {
    for (const [client, { connections, rate, refusedRate }] of this.#records)
      if (connections === 0 && rate.isFull(now) && refusedRate.isFull(now)) this.#records.delete(client);
  }

  #record(client: string, now: number): ClientRecord {
    let record = this.#records.get(client);
    if (record === undefined) {
      // rule: client-records
      if (this.#records.size >= MAX_RECORDS + this.#connections) this.#forgetOldest();
      const rate = (): Rate => new Rate(this.#bounds.maxNewPerSecondPerClient, now);
      record = { connections: 0, parkedBytes: 0, rate: rate(), refusedRate: rate() };
      this.#records.set(client, record);
    }
    return record;
  }

  #forgetOldest(): void {
    for (const [client, { connections }] of this.#records) {
      if (connections > 0) continue;
      this.#records.delete(client);
      return;
    }
  }
}

/** A token bucket: allows `perSecond` requests a second, and a burst of `perSecond` after an idle second. */
class Rate {
  readonly #perSecond: number;
  #tokens: number;
  #at: number;

  constructor(perSecond: number, now: number) {
    this.#perSecond = perSecond;
    this.#tokens = perSecond;
    this.#at = now;
  }

  take(now: number): boolean {
    this.#refill(now);
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }

  isFull(now: number): boolean {
    this.#refill(now);
    return this.#tokens === this.#perSecond;
  }

  #refill(now: number): void {
    this.#tokens = Math.min(this.#perSecond, this.#tokens + ((now - this.#at) * this.#perSecond) / 1000);
    this.#at = now;
  }
}
