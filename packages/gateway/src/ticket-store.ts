import { SshError } from "@nacre/wire";

/** Store of unused tickets. A key is the SHA-256 of the ticket's secret in hexadecimal, so lookups do not compare secrets. */
export interface TicketStore {
  /** Stores a value for `ttl` milliseconds. */
  put(key: string, value: string, ttl: number): void | Promise<void>;
  /** Returns the value and deletes it atomically, so only one caller gets it. Returns `undefined` if it is missing or expired. */
  take(key: string): string | undefined | Promise<string | undefined>;
  /** Deletes the value if it exists. */
  delete(key: string): void | Promise<void>;
}

interface Entry {
  readonly value: string;
  readonly expires: number;
}

/**
 * Creates a store in this process's memory, for at most `maxTickets` unused tickets (default 100,000). When it is full, `put` throws
 * `gateway-refused`. `now` returns the time of a monotonic clock in milliseconds.
 */
export function memoryTicketStore(
  options: { readonly maxTickets?: number | undefined; readonly now?: (() => number) | undefined } = {},
): TicketStore {
  const { maxTickets = 100_000, now = () => performance.now() } = options;
  /** Tickets in order of issue, oldest first. */
  const entries = new Map<string, Entry>();
  return {
    put(key, value, ttl) {
      for (const [oldest, { expires }] of entries) {
        if (expires > now()) break;
        entries.delete(oldest);
      }
      // rule: ticket-store-room
      if (entries.size >= maxTickets)
        throw new SshError(
          "gateway-refused",
          `the ticket store is full: ${maxTickets} unused tickets; raise \`maxTickets\``,
        );
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
