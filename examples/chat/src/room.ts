// The room keeps the guests, enforces their limits and delivers events. It is independent of SSH, WebSocket and Valkey.
import type { Bus, RoomEvent } from "./bus.ts";
import { MAX_NAME, MAX_TEXT, parseName, parseText } from "./text.ts";

/** Event for one guest: its welcome first, then the events of the room. */
export type GuestEvent = RoomEvent | Welcome;

/** First event of every guest: its normalized name, and the names of all guests in the room. */
export interface Welcome {
  readonly type: "welcome";
  readonly name: string;
  readonly names: readonly string[];
}

/** A client in the room. Each server implements this interface for its clients. Neither method may throw. */
export interface Guest {
  /** Shows an event. Returns false if the client reads too slowly; the room then ends its stay. */
  show(event: GuestEvent): boolean;
  /** Called once when the room ends the stay. `reason` is a sentence for the user. */
  end(reason: string): void;
}

export interface RoomLimits {
  /** Maximum number of guests of this process; default 200. */
  readonly maxGuests: number;
  /** Number of messages that a guest may send in a burst; default 5. */
  readonly burst: number;
  /** Sustained number of messages per second that a guest may send; default 1. */
  readonly perSecond: number;
  /** Number of consecutive refused messages after which a guest's stay ends; default 20. */
  readonly maxRefusals: number;
}

const LIMITS: RoomLimits = { maxGuests: 200, burst: 5, perSecond: 1, maxRefusals: 20 };

/** Room with the guests of this process. A bus connects it to the rooms of other processes. */
export class Room {
  readonly #bus: Bus;
  readonly #limits: RoomLimits;
  readonly #now: () => number;
  /** Guests by name. */
  readonly #stays = new Map<string, Stay>();
  /** Departures that the bus has not confirmed yet. */
  readonly #departures = new Set<Promise<void>>();
  #joining = 0;
  #closed = false;

  /** `now` returns the time of a monotonic clock in milliseconds. */
  constructor(bus: Bus, limits: Partial<RoomLimits> = {}, now: () => number = () => performance.now()) {
    this.#bus = bus;
    this.#limits = { ...LIMITS, ...limits };
    this.#now = now;
    bus.listener = {
      event: (event) => {
        for (const stay of this.#stays.values()) stay.show(event);
      },
      lost: (name) => this.#stays.get(name)?.end("another process has given your name away; join again"),
    };
  }

  /** Number of guests of this process. */
  get size(): number {
    return this.#stays.size;
  }

  /** Adds a guest. Resolves with its stay, or with the reason for a refusal as a sentence for the user. Never rejects. */
  async join(rawName: string, guest: Guest): Promise<Stay | { readonly refused: string }> {
    const name = parseName(rawName);
    if (name === undefined)
      return { refused: `a name has 1 to ${MAX_NAME} letters or digits, also dots, dashes and underscores inside` };
    if (this.#closed) return { refused: "the room is closed" };
    // Guests that are still joining count too; otherwise many concurrent joins would exceed the limit.
    if (this.#stays.size + this.#joining >= this.#limits.maxGuests) return { refused: "the room is full; try later" };
    this.#joining++;
    try {
      if (!(await this.#bus.enter(name))) return { refused: `the name ${name} is taken; choose another` };
      const stay = this.#settle(name, guest);
      try {
        stay.welcome(await this.#bus.names());
        await this.#bus.joined(name);
      } catch (error) {
        stay.leave();
        throw error;
      }
      return this.#closed ? { refused: "the room is closed" } : stay;
    } catch {
      return { refused: "the room cannot be reached; try later" };
    } finally {
      this.#joining--;
    }
  }

  /** Ends all stays. Resolves when the bus has announced the departures or failed to. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const stay of this.#stays.values()) stay.end("the room closes");
    await Promise.all(this.#departures);
  }

  #settle(name: string, guest: Guest): Stay {
    const rateLimit = new RateLimit(this.#limits, this.#now);
    const stay = new Stay(name, guest, {
      bus: this.#bus,
      rateLimit,
      maxRefusals: this.#limits.maxRefusals,
      onLeave: () => this.#depart(name),
    });
    this.#stays.set(name, stay);
    if (this.#closed) stay.end("the room closes");
    return stay;
  }

  #depart(name: string): void {
    this.#stays.delete(name);
    // If the bus fails, the other processes see the departure when the reservation of the name expires.
    const departure = this.#bus
      .leave(name)
      .catch(() => {})
      .finally(() => this.#departures.delete(departure));
    this.#departures.add(departure);
  }
}

interface StayContext {
  readonly bus: Bus;
  readonly rateLimit: RateLimit;
  readonly maxRefusals: number;
  readonly onLeave: () => void;
}

/** A guest's stay in the room, from `join` to `leave`. */
export class Stay {
  /** Normalized name of the guest. */
  readonly name: string;
  readonly #guest: Guest;
  readonly #context: StayContext;
  /** Events that arrived before the welcome was shown; `undefined` afterwards. */
  #early: RoomEvent[] | undefined = [];
  #refusals = 0;
  #over = false;

  constructor(name: string, guest: Guest, context: StayContext) {
    this.name = name;
    this.#guest = guest;
    this.#context = context;
  }

  /** Sends a message to all guests, including the sender. Resolves with the reason if the message is refused. Never rejects. */
  async say(raw: string): Promise<string | undefined> {
    if (this.#over) return "you have left the room";
    if (!this.#context.rateLimit.take()) return this.#refuse("too fast: wait a second");
    const text = parseText(raw);
    if (text === undefined) return this.#refuse(`too long: a message has at most ${MAX_TEXT} characters`);
    this.#refusals = 0;
    if (text === "") return undefined;
    try {
      await this.#context.bus.said(this.name, text);
      return undefined;
    } catch {
      return "not sent: the room cannot be reached";
    }
  }

  /** Leaves the room. Later calls have no effect. */
  leave(): void {
    if (this.#over) return;
    this.#over = true;
    this.#context.onLeave();
  }

  /** Ends the stay and passes the reason to the guest. Called by the room. */
  end(reason: string): void {
    if (this.#over) return;
    this.leave();
    this.#guest.end(reason);
  }

  /** Shows an event. Ends the stay if the guest reads too slowly. Called by the room. */
  show(event: GuestEvent): void {
    if (this.#over) return;
    if (this.#early !== undefined && event.type !== "welcome") this.#early.push(event);
    else if (!this.#guest.show(event)) this.end("your connection is too slow");
  }

  /** Shows the welcome, then the events that arrived while the bus returned `names`. Called by the room. */
  welcome(names: readonly string[]): void {
    this.show({ type: "welcome", name: this.name, names });
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const event of early) this.show(event);
  }

  #refuse(reason: string): string {
    if (++this.#refusals >= this.#context.maxRefusals) this.end("too many refused messages");
    return reason;
  }
}

/** Rate limit (token bucket): allows a burst of `burst` messages and a sustained rate of `perSecond`. */
class RateLimit {
  readonly #limits: Pick<RoomLimits, "burst" | "perSecond">;
  readonly #now: () => number;
  #permits: number;
  #at: number;

  constructor(limits: Pick<RoomLimits, "burst" | "perSecond">, now: () => number) {
    this.#limits = limits;
    this.#now = now;
    this.#permits = limits.burst;
    this.#at = now();
  }

  /** Consumes a permit. Returns false if no permit is left. */
  take(): boolean {
    const now = this.#now();
    const { burst, perSecond } = this.#limits;
    this.#permits = Math.min(burst, this.#permits + ((now - this.#at) / 1000) * perSecond);
    this.#at = now;
    if (this.#permits < 1) return false;
    this.#permits--;
    return true;
  }
}
