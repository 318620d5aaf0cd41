// A bus through Valkey (or Redis). Events travel by publish/subscribe. Names are in a sorted set, each with the time at which it expires,
// so that the names of a process that has crashed become free.
import { createClient } from "redis";
import type { Bus, BusListener, RoomEvent } from "./bus.ts";
import { parseName, parseText } from "./text.ts";

const CHANNEL = "nacre-chat:events";
const NAMES = "nacre-chat:names";
/** Time for which a name stays reserved without renewal, in milliseconds. */
const LEASE = 30_000;
/** Time to wait for an answer of Valkey, in milliseconds. */
const PATIENCE = 5000;

type Client = ReturnType<typeof createClient>;

export interface ValkeyOptions {
  /** `redis://[user:password@]host[:port]`, or `rediss://` for TLS. */
  readonly url: string;
  /** Time for which a name stays reserved without renewal, in milliseconds; default 30,000. */
  readonly lease?: number | undefined;
  /** Called when the connection to Valkey is lost or back. */
  readonly log?: ((line: string) => void) | undefined;
}

export class ValkeyBus implements Bus {
  listener: BusListener | undefined;
  readonly #lease: number;
  readonly #commands: Client;
  /** A second connection, because one that has subscribed can do nothing else. */
  readonly #events: Client;
  /** The names of this process. */
  readonly #mine = new Set<string>();
  readonly #timer: ReturnType<typeof setInterval>;
  #renewedAt = performance.now();

  private constructor(commands: Client, events: Client, lease: number) {
    this.#commands = commands;
    this.#events = events;
    this.#lease = lease;
    // If Valkey cannot be reached, the next attempt follows in a third of the lease.
    this.#timer = setInterval(() => void this.#renew().catch(() => {}), lease / 3);
  }

  /** Connects to Valkey. Rejects if it cannot be reached. Later, a lost connection is opened again. */
  static async connect({ url, lease = LEASE, log = () => {} }: ValkeyOptions): Promise<ValkeyBus> {
    let started = false;
    const commands: Client = createClient({
      url,
      // A command fails at once while the connection is down: a message must not arrive minutes late.
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
      // The names have expired: this process was stopped, or Valkey was away. Some may belong to others by now.
      for (const name of names) {
        if (!this.#mine.has(name)) continue;
        if (await this.#reserve(name, now)) await this.joined(name);
        else if (this.#mine.delete(name)) this.listener?.lost(name);
      }
    }
    this.#renewedAt = startedAt;
  }

  /** Releases and announces the names that no process renews. Returns Valkey's time in milliseconds, so that all processes share one clock. */
  async #expire(): Promise<number> {
    const [seconds, microseconds] = await soon(this.#commands.time());
    const now = Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000);
    // Both commands run as one step, so that of several processes only one announces a name.
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

/** Returns an event of another process, or `undefined` if it is not one that this program sends: other programs may publish, too. */
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

/** Resolves with the answer of Valkey. Rejects if there is none in time: a command that was sent has no other bound. */
function soon<T>(answer: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${PATIENCE} ms`)), PATIENCE);
    answer.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
