import { lookup as systemLookup } from "node:dns/promises";
import { FairQueue, type QueuedWork, SshError } from "@nacre/wire";
import { withTimeout } from "./with-timeout.ts";

/** Resolves a host name to IP addresses, in order of preference. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/**
 * Returns `lookup` with a time limit in milliseconds: a call then rejects with `connect-timeout`, and its answer is ignored. For functions
 * of the application, which may never settle; the system's resolver always does.
 */
export function lookupWithin(timeout: number, lookup: Lookup): Lookup {
  return (host) => withTimeout(lookup(host), timeout, `the lookup of ${host}`);
}

/** Most concurrent lookups by the system: libuv gives lookups no more than two of its four threads. */
const MAX_SYSTEM_LOOKUPS = 2;

/** Most concurrent calls of the option `lookup`. */
const MAX_LOOKUPS = 64;

/** Most names of one client that wait. */
const MAX_WAITING = 256;

/** On whose behalf a name is looked up. */
export interface LookupRequest {
  /** Key of the client (`Requester`). */
  readonly client: string;
  /** Removes the name from the queue when it aborts. A lookup that runs cannot be stopped. */
  readonly signal: AbortSignal;
}

/** Looks up names, for clients in line. A name is looked up once for all that ask for it meanwhile. */
export class Lookups {
  /** Number of lookups that names which `allow` does not list leave to those that it lists. */
  readonly room: number;
  readonly #lookup: Lookup;
  readonly #queue: FairQueue;
  readonly #running = new Map<string, Promise<readonly string[]>>();

  constructor(lookup: Lookup | undefined) {
    const slots = lookup === undefined ? MAX_SYSTEM_LOOKUPS : MAX_LOOKUPS;
    this.room = slots / 2;
    this.#lookup = lookup ?? lookUpBySystem;
    this.#queue = new FairQueue(slots, MAX_WAITING);
  }

  /**
   * Resolves a name when the client is first in line, leaving `leaves` lookups to others. Rejects with `forward-unreachable` if the lookup
   * fails or too many names of the client wait. Never settles if the signal aborts while the name waits.
   */
  resolve(host: string, { client, signal }: LookupRequest, leaves: number): Promise<readonly string[]> {
    const running = this.#running.get(host);
    if (running !== undefined) return running;
    return new Promise((resolve, reject) => {
      const start = (): void => {
        void this.#start(host)
          .then(resolve, reject)
          .finally(() => this.#queue.done(work));
      };
      const work: QueuedWork = { users: [client], leaves, start };
      if (!this.#queue.add(work))
        reject(new SshError("forward-unreachable", `${MAX_WAITING} names wait to be looked up; try again later`));
      // rule: gateway-lookup-left
      signal.addEventListener("abort", () => this.#queue.leave(work));
    });
  }

  /** Looks a name up, unless that has started for another client. */
  #start(host: string): Promise<readonly string[]> {
    let lookup = this.#running.get(host);
    if (lookup === undefined) {
      lookup = this.#lookUp(host).finally(() => this.#running.delete(host));
      this.#running.set(host, lookup);
    }
    return lookup;
  }

  async #lookUp(host: string): Promise<readonly string[]> {
    try {
      return await this.#lookup(host);
    } catch (cause) {
      throw new SshError("forward-unreachable", `${host} cannot be looked up`, { cause });
    }
  }
}

const lookUpBySystem: Lookup = async (host) => {
  const found = await systemLookup(host, { all: true, verbatim: true });
  return found.map(({ address }) => address);
};
