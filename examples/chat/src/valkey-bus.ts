// Bus over Valkey (or Redis). Events use publish/subscribe. Names are stored in a sorted set with their expiry time as the score, so that
// the names of a crashed process expire.
import { createClient } from "redis";
import type { Bus, BusListener, RoomEvent } from "./bus.ts";
import { parseName, parseText } from "./text.ts";

const CHANNEL = "nacre-chat:events";
const NAMES = "nacre-chat:names";
/** Default milliseconds for which a name stays reserved without renewal. */
const LEASE = 30_000;
/** Milliseconds to wait for a reply from Valkey. */
const PATIENCE = 5000;

type Client = ReturnType<typeof createClient>;

export interface ValkeyOptions {
  /** URL: `redis://[user:password@]host[:port]`, or `rediss://` for TLS. */
  readonly url: string;
  /** Milliseconds for which a name stays reserved without renewal; default 30,000. */
  readonly lease?: number | undefined;
  /** Called with a message when the connection to Valkey is lost or restored. */
  readonly log?: ((line: string) => void) | undefined;
}

export class ValkeyBus implements Bus {
  listener: BusListener | undefined;
  readonly #lease: number;
  readonly #commands: Client;
  /** Second connection: a subscribed connection cannot send other commands. */
  readonly #events: Client;
  /** Names that this process has reserved. */
  readonly #mine = new Set<string>();
  readonly #timer: ReturnType<typeof setInterval>;
  #renewedAt = performance.now();

  private constructor(commands: Client, events: Client, lease: number) {
    this.#commands = commands;
    this.#events = events;
    this.#lease = lease;
    // If a renewal fails, the next one follows after a third of the lease.
    this.#timer = setInterval(() => void this.#renew().catch(() => {}), lease / 3);
  }

  /** Connects to Valkey. Rejects if the first attempt fails. Reopens the connection if it is lost later. */
  static async connect({ url, lease = LEASE, log = () => {} }: ValkeyOptions): Promise<ValkeyBus> {
    let started = false;
    const commands: Client = createClient({
      url,
      // Commands fail immediately while the connection is down, so that no message arrives minutes late.
      disableOfflineQueue: true,
      commandsQueueMaxLength: 1000,
      socket: {
        connectTimeout: PATIENCE,
        reconnectStrategy: (retries, cause) => (started ? Math.min(100 * 2 ** retries, 2000) : cause),
      },
    });
    const events: Client = commands.duplicate();
    logOutages(commands, log);
    events.on("error", () => {});
    try {
      await Promise.all([commands.connect(), events.connect()]);
      const bus = new ValkeyBus(commands, events, lease);
      try {
        await soon(events.subscribe(CHANNEL, (message) => bus.#onMessage(message)));
      } catch (error) {
        clearInterval(bus.#timer);
        throw error;
      }
      started = true;
      return bus;
    } catch (cause) {
      for (const client of [commands, events]) if (client.isOpen) client.destroy();
      throw new Error(`cannot connect to Valkey: ${(cause as Error).message}; check the address given with --valkey`, {
        cause,
      });
    }
  }

  async enter(name: string): Promise<boolean> {
    const now = await this.#expire();
    if (!(await this.#reserve(name, now))) return false;
    this.#mine.add(name);
    return true;
  }

  async names(): Promise<readonly string[]> {
    return soon(this.#commands.zRange(NAMES, 0, -1));
  }

  joined(name: string): Promise<void> {
    return this.#publish({ type: "joined", name });
  }

  said(name: string, text: string): Promise<void> {
    return this.#publish({ type: "said", name, text });
  }

  async leave(name: string): Promise<void> {
    if (!this.#mine.delete(name)) return;
    const event: RoomEvent = { type: "left", name };
    await soon(this.#commands.multi().zRem(NAMES, name).publish(CHANNEL, JSON.stringify(event)).exec());
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#commands.destroy();
    this.#events.destroy();
  }

  async #publish(event: RoomEvent): Promise<void> {
    await soon(this.#commands.publish(CHANNEL, JSON.stringify(event)));
  }

  async #reserve(name: string, now: number): Promise<boolean> {
    const member = { score: now + this.#lease, value: name };
    return (await soon(this.#commands.zAdd(NAMES, member, { condition: "NX" }))) === 1;
  }

  async #renew(): Promise<void> {
    const startedAt = performance.now();
    const now = await this.#expire();
    const names = [...this.#mine];
    if (startedAt - this.#renewedAt < this.#lease) {
      const members = names.map((value) => ({ score: now + this.#lease, value }));
      if (members.length > 0) await soon(this.#commands.zAdd(NAMES, members));
    } else {
      // The names have expired, because this process was suspended or Valkey was down. Other processes may own some of them now.
      for (const name of names) {
        if (!this.#mine.has(name)) continue;
        if (await this.#reserve(name, now)) await this.joined(name);
        else if (this.#mine.delete(name)) this.listener?.lost(name);
      }
    }
    this.#renewedAt = startedAt;
  }

  /** Releases expired names and announces their departure. Returns Valkey's time in milliseconds, so that all processes share one clock. */
  async #expire(): Promise<number> {
    const [seconds, microseconds] = await soon(this.#commands.time());
    const now = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
    // Run both commands in one transaction, so that only one process announces each expired name.
    const both = this.#commands.multi().zRangeByScore(NAMES, "-inf", now).zRemRangeByScore(NAMES, "-inf", now);
    const [expired] = await soon(both.execTyped());
    for (const name of expired) await this.#publish({ type: "left", name });
    return now;
  }

  #onMessage(message: string): void {
    const event = parseEvent(message);
    if (event !== undefined) this.listener?.event(event);
  }
}

/** Parses a published event. Returns `undefined` if it is invalid, since other programs can publish on the channel too. */
export function parseEvent(message: string): RoomEvent | undefined {
  let value: Partial<Record<"type" | "name" | "text", unknown>> | null;
  try {
    value = JSON.parse(message) as typeof value;
  } catch {
    return undefined;
  }
  const { type, name, text } = { ...value };
  if (typeof name !== "string" || parseName(name) !== name) return undefined;
  if (type === "joined" || type === "left") return { type, name };
  if (type !== "said" || typeof text !== "string" || text === "" || parseText(text) !== text) return undefined;
  return { type, name, text };
}

function logOutages(client: Client, log: (line: string) => void): void {
  let down = true;
  client.on("ready", () => {
    if (down) log("connected to Valkey");
    down = false;
  });
  client.on("error", (error: Error) => {
    if (!down) log(`lost the connection to Valkey: ${error.message}`);
    down = true;
  });
}

/** Resolves with Valkey's reply. Rejects after `PATIENCE`, because the Valkey client has no timeout for a sent command. */
function soon<T>(answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${PATIENCE} ms`)), PATIENCE);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
