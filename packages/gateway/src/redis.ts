import { escapeText, SshError } from "@nacre/wire";
import { createClient, ErrorReply } from "redis";
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

/**
 * Creates a ticket store in Valkey or Redis. The caller connects the client, adds an `error` listener, closes the client, and replaces a
 * connection on which no replies arrive. `connectTicketStore` does all of this.
 */
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

/** Time in milliseconds to connect. */
const CONNECT_TIMEOUT = 10_000;

/** Time in milliseconds for the reply to a command: the default of `storeTimeout`. */
const COMMAND_TIMEOUT = 5000;

/**
 * Connects to Valkey or Redis at `url` (`redis://…`, `rediss://…`). Rejects if the first attempt fails, or takes more than ten seconds.
 * After a loss of the connection, or a command without a reply for five seconds, the next command connects again.
 */
export async function connectTicketStore(url: string): Promise<ConnectedTicketStore> {
  const connection = new Connection(url);
  await connection.run(async () => {});
  return {
    ...redisTicketStore({
      set: (key, value, options) => connection.run((client) => client.set(key, value, options)),
      getDel: (key) => connection.run((client) => client.getDel(key)),
      del: (key) => connection.run((client) => client.del(key)),
    }),
    close: () => connection.close(),
  };
}

type Client = ReturnType<typeof connectClient>["client"];

/** A connection that commands replace when it is lost. */
class Connection {
  readonly #url: string;
  #current: ReturnType<typeof connectClient> | undefined;
  #isClosed = false;

  constructor(url: string) {
    this.#url = url;
  }

  async run<T>(command: (client: Client) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new SshError("closed", "the ticket store is closed");
    if (this.#current?.client.isOpen !== true) {
      this.#discard();
      this.#current = connectClient(this.#url);
    }
    const { client, connected } = this.#current;
    await connected;
    return bounded(client, command(client), COMMAND_TIMEOUT);
  }

  close(): void {
    this.#isClosed = true;
    this.#discard();
  }

  #discard(): void {
    if (this.#current !== undefined) discard(this.#current.client);
  }
}

interface Destroyable {
  destroy(): void;
}

/** Starts to connect. The client is open until the connection fails or is lost. */
function connectClient(url: string) {
  const client = createClient({
    url,
    commandsQueueMaxLength: MAX_QUEUE,
    disableOfflineQueue: true,
    socket: { reconnectStrategy: false },
  });
  // An error also rejects `connect` or the commands that wait.
  client.on("error", () => {});
  return { client, connected: bounded(client, client.connect(), CONNECT_TIMEOUT) };
}

/**
 * Settles as `answer` does, or rejects with `gateway-refused` for an error reply. Closes the connection after a timeout, since a server
 * that is gone may never do so, and when the server has become a replica, since another one is then the primary at its address.
 */
async function bounded<T>(client: Destroyable, answer: Promise<T>, milliseconds: number): Promise<T> {
  try {
    return await withTimeout(answer, milliseconds, "the ticket store");
  } catch (error) {
    // The text after the code may contain a key.
    const code = error instanceof ErrorReply ? escapeText(error.message.split(" ", 1)[0]!) : undefined;
    if (error instanceof SshError || code === "READONLY") discard(client);
    if (code === undefined) throw error;
    throw new SshError("gateway-refused", `the ticket store answered ${code}`, { cause: error });
  }
}

function discard(client: Destroyable): void {
  try {
    client.destroy();
  } catch {
    // Version 5 of `redis` throws if the connection is already lost.
  }
}
