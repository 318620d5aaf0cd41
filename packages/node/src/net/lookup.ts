import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { addressBytes, addressScope } from "@nacre/keyfiles/internal";
import { escapeText, FairQueue, type QueuedWork, SshError } from "@nacre/wire";
import { onAbort } from "nacre/extend";
import { startTimer } from "./deadline.ts";
import { systemLookup } from "./system-lookup.ts";

/** Resolves a name to IP addresses, preferred first. */
export type Lookup = (host: string) => Promise<readonly string[]>;

/** On whose behalf a name is looked up. */
export interface LookupRequest {
  /** Users of the queue, such as a login and an address (`QueuedWork`). */
  readonly users: readonly unknown[];
  /** Number of lookups for which room must be left; default 0. */
  readonly leaves?: number | undefined;
  /** Removes the name from the queue when it aborts. A lookup that runs cannot be stopped. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Returns `lookup` with a time limit in milliseconds: a call then rejects with `forward-unreachable`, and its answer is ignored. For
 * functions of the application, which may never settle; the system's resolver always does.
 */
export function lookupWithin(timeout: number, lookup: Lookup): Lookup {
  return async (host) => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      const message = `cannot look up ${escapeText(host)}: no answer within ${timeout} ms`;
      timer = startTimer(timeout, () => reject(new SshError("forward-unreachable", message))).unref();
    });
    try {
      return await Promise.race([lookup(host), late]);
    } finally {
      clearTimeout(timer);
    }
  };
}

/**
 * Maximum number of concurrent lookups by the system. Each occupies one of the four threads that Node also uses to read files, and libuv
 * gives lookups no more than two of them.
 */
const MAX_SYSTEM_LOOKUPS = 2;

/** Maximum number of names of one login that wait. */
const MAX_WAITING = 256;

/** A lookup function with a queue, in which users wait in line. */
export class LookupQueue {
  /** Number of lookups that names which are not listed in the options leave to those that are. */
  readonly room: number;
  readonly #resolve: Lookup;
  readonly #queue: FairQueue;

  /** `most` is the maximum number of concurrent lookups. */
  constructor(resolve: Lookup, most: number) {
    this.room = Math.floor(most / 2);
    this.#resolve = resolve;
    this.#queue = new FairQueue(most, MAX_WAITING);
  }

  /**
   * Resolves a name when it is first in line. An IP address resolves to itself. Rejects with the error of the lookup function, with
   * `forward-limit` if too many names of a user wait, or with the signal's reason.
   */
  lookup(host: string, { users, leaves = 0, signal }: LookupRequest): Promise<readonly string[]> {
    if (isIP(host) !== 0) return Promise.resolve([host]);
    return new Promise((resolve, reject) => {
      let unwatch: (() => void) | undefined;
      const look = async (): Promise<void> => {
        try {
          resolve(await this.#resolve(host));
        } catch (error) {
          reject(error);
        } finally {
          unwatch?.();
          this.#queue.done(work);
        }
      };
      const work: QueuedWork = { users, leaves, start: () => void look() };
      if (signal?.aborted) return reject(signal.reason);
      if (!this.#queue.add(work))
        return reject(new SshError("forward-limit", "too many host names wait to be looked up; try again later"));
      if (signal === undefined) return;
      unwatch = onAbort(signal, () => {
        // rule: lookup-left
        this.#queue.leave(work);
        reject(signal.reason);
      });
    });
  }
}

/** Lookups by the system's resolver, for the whole process. */
export const SYSTEM_LOOKUPS: LookupQueue = new LookupQueue(systemLookup, MAX_SYSTEM_LOOKUPS);

/** Where an IP address leads: to this machine, to its link, or farther. */
export type AddressPlace = "machine" | "link" | "elsewhere";

/** Returns the addresses of this machine's interfaces. */
export function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((addresses = []) => addresses.map(({ address }) => address));
}

/**
 * Returns where an IP address leads. Loopback, unspecified and interface addresses (`own`) lead to this machine; link-local addresses lead
 * to the link, even those in `own`. An IPv4 address in IPv6 form counts as that IPv4 address. Any other text counts as link-local.
 */
export function addressPlace(address: string, own: readonly string[]): AddressPlace {
  const scope = addressScope(address);
  if (scope === undefined || scope === "link") return "link";
  const bytes = addressBytes(address)?.join();
  // rule: own-address
  if (own.some((one) => addressBytes(one)?.join() === bytes)) return "machine";
  return scope === "machine" ? "machine" : "elsewhere";
}
