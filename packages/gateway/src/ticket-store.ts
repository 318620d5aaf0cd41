import { SshError } from "@nacre/wire";

/** Where tickets are kept until they are used. Keys are SHA-256 of the secret in hexadecimal: no lookup compares secrets. */
export interface TicketStore {
  /** Stores a value for `ttl` milliseconds. */
  put(key: string, value: string, ttl: number): void | Promise<void>;
  /** Returns the value and deletes it, in one step: of any number of callers one gets it. `undefined` if there is none or its time is over. */
  take(key: string): string | undefined | Promise<string | undefined>;
  /** Deletes the value, if any. */
  delete(key: string): void | Promise<void>;
}

interface Entry {
  readonly value: string;
  readonly expires: number;
}

/** A store in this process's memory, for at most `maxTickets` at once (default 100,000). `now`: milliseconds of a steady clock. */
export function memoryTicketStore(
  options: { readonly maxTickets?: number | undefined; readonly now?: (() => number) | undefined } = {},
): TicketStore {
  const { maxTickets = 100_000, now = () => performance.now() } = options;
  /** The oldest first. */
  const entries = new Map<string, Entry>();
  return {
    put(key, value, ttl) {
      for (const [oldest, { expires }] of entries) {
        if (expires > now()) break;
        entries.delete(oldest);
      }
      // rule: ticket-store-room
      if (entries.size >= maxTickets)
        throw new SshError("usage", `${maxTickets} tickets are waiting; raise maxTickets`);
      entries.set(key, { value, expires: now() + ttl });
    },
    take(key) {
      const entry = entries.get(key);
      // rule: ticket-once
      entries.delete(key);
      // rule: ticket-expiry
      if (entry === undefined || entry.expires <= now()) return undefined;
      return entry.value;
    },
    delete(key) {
      entries.delete(key);
    },
  };
}
