import { createClient } from "redis";
import type { TicketStore } from "./ticket-store.ts";

/** The commands of a client of the package `redis` that the store uses. */
export interface RedisCommands {
  /** SET with a time to live in milliseconds. */
  set(key: string, value: string, options: { readonly PX: number }): Promise<unknown>;
  /** GETDEL: returns a value and deletes it in one step. */
  getDel(key: string): Promise<string | null>;
  /** DEL. */
  del(key: string): Promise<unknown>;
}

/** A ticket store in Valkey or Redis, for several gateways behind a balancer. The client is the caller's: connected, with an `error` listener. */
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

/** A ticket store over a connection of its own. */
export interface ConnectedTicketStore extends TicketStore {
  /** Closes the connection. */
  close(): void;
}

/** Commands that wait while the server is away. */
const MAX_QUEUE = 1000;

/** Connects to Valkey or Redis at a URL (`redis://…`, `rediss://…`). It connects again by itself. Rejects as the first attempt does. */
export async function connectTicketStore(url: string): Promise<ConnectedTicketStore> {
  const client = createClient({ url, commandsQueueMaxLength: MAX_QUEUE, disableOfflineQueue: true });
  let isConnected = false;
  // The first attempt's error must end it: by default it is repeated for ever.
  await new Promise<void>((resolve, reject) => {
    client.on("error", (error: unknown) => {
      if (isConnected) return;
      client.destroy();
      reject(error);
    });
    client.connect().then(() => {
      isConnected = true;
      resolve();
    }, reject);
  });
  return {
    ...redisTicketStore({
      set: (key, value, options) => client.set(key, value, options),
      getDel: (key) => client.getDel(key),
      del: (key) => client.del(key),
    }),
    close: () => client.destroy(),
  };
}
