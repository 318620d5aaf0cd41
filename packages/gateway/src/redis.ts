import { createClient } from "redis";
import type { TicketStore } from "./ticket-store.ts";
import { withTimeout } from "./with-timeout.ts";

/** Commands that the store uses. A client of the package `redis` has them. */
export interface RedisCommands {
  /** SET with a time to live in milliseconds. */
  set(key: string, value: string, options: { readonly PX: number }): Promise<unknown>;
  /** GETDEL: returns a value and deletes it in one step. */
  getDel(key: string): Promise<string | null>;
  /** DEL. */
  del(key: string): Promise<unknown>;
}

/** Creates a ticket store in Valkey or Redis. The caller connects the client, adds an `error` listener, and closes the client. */
export function redisTicketStore(
  client: RedisCommands,
  { prefix = "nacre:ticket:" }: { readonly prefix?: string | undefined } = {},
): TicketStore {
  return {
    async put(key, value, ttl) {
      await client.set(prefix + key, value, { PX: ttl });
    },
    // rule: redis-take-once
    async take(key) {
      return (await client.getDel(prefix + key)) ?? undefined;
    },
    async delete(key) {
      await client.del(prefix + key);
    },
  };
}

/** A ticket store with its own connection. */
export interface ConnectedTicketStore extends TicketStore {
  /** Closes the connection. */
  close(): void;
}

/** Most commands that wait for a reply. */
const MAX_QUEUE = 1000;

/** Time in milliseconds for the first attempt to connect. */
const CONNECT_TIMEOUT = 10_000;

/**
 * Connects to Valkey or Redis at `url` (`redis://…`, `rediss://…`). Rejects if the first attempt fails, or takes more than ten seconds;
 * reconnects after a later loss.
 */
export async function connectTicketStore(url: string): Promise<ConnectedTicketStore> {
  const client = createClient({ url, commandsQueueMaxLength: MAX_QUEUE, disableOfflineQueue: true });
  // By default the client retries forever; an error before the first connection must reject instead.
  const connected = new Promise<void>((resolve, reject) => {
    client.on("error", reject);
    client.connect().then(() => resolve(), reject);
  });
  try {
    await withTimeout(connected, CONNECT_TIMEOUT, "the ticket store");
  } catch (error) {
    client.destroy();
    throw error;
  }
  return {
    ...redisTicketStore({
      set: (key, value, options) => client.set(key, value, options),
      getDel: (key) => client.getDel(key),
      del: (key) => client.del(key),
    }),
    close: () => client.destroy(),
  };
}
