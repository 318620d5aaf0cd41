// The room: who is in it, what they may do, and who learns of it. Knows nothing of SSH, WebSocket or Valkey.
import type { Bus, RoomEvent } from "./bus.ts";
import { MAX_NAME, MAX_TEXT, parseName, parseText } from "./text.ts";

/** What a guest is shown: the events of the room, after a first one for this guest alone. */
export type GuestEvent = RoomEvent | Welcome;

/** The first event of every guest: its name as the room spells it, and the names of all people in the room. */
export interface Welcome {
  readonly type: "welcome";
  readonly name: string;
  readonly names: readonly string[];
}

/** A client in the room. Each kind of client implements this in its own way; neither method may throw. */
export interface Guest {
  /** Shows an event. Returns false if the client has not read what it was sent before; the room then ends its stay. */
  show(event: GuestEvent): boolean;
  /** Called once if the room ends the stay. `reason` is a sentence for the user. */
  end(reason: string): void;
}

export interface RoomLimits {
  /** Maximum number of guests of this process; default 200. */
  readonly maxGuests: number;
  /** Number of messages that a guest may send at once; default 5. */
  readonly burst: number;
  /** Number of messages per second that a guest may send for long; default 1. */
  readonly perSecond: number;
  /** Number of refused messages in a row that end the stay of a guest; default 20. */
  readonly maxRefusals: number;
}

const LIMITS: RoomLimits = { maxGuests: 200, burst: 5, perSecond: 1, maxRefusals: 20 };

/** The guests of this process. A bus connects it to the rooms of other processes. */
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

  /** `now` returns milliseconds that never go backwards. */
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

  /** Adds a guest. Returns its stay, or the reason of a refusal as a sentence for the user. Never rejects. */
  async join(rawName: string, guest: Guest): Promise<Stay | { readonly refused: string }> {
    const name = parseName(rawName);
    if (name === undefined)
      return { refused: `a name has 1 to ${MAX_NAME} letters or digits, also dots, dashes and underscores inside` };
    if (this.#closed) return { refused: "the room is closed" };
    // Those who are still joining count too, or many at once would pass.
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

  /** Ends all stays. Resolves when the other processes know, or when the bus has given up. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const stay of this.#stays.values()) stay.end("the room closes");
    await Promise.all(this.#departures);
  }

  #settle(name: string, guest: Guest): Stay {
    const bucket = new TokenBucket(this.#limits, this.#now);
    const stay = new Stay(name, guest, {
      bus: this.#bus,
      bucket,
      maxRefusals: this.#limits.maxRefusals,
      onLeave: () => this.#depart(name),
    });
    this.#stays.set(name, stay);
    if (this.#closed) stay.end("the room closes");
    return stay;
  }

  #depart(name: string): void {
    this.#stays.delete(name);
    // If the bus fails, the other processes learn of the departure when the name's time runs out.
    const departure = this.#bus
      .leave(name)
      .catch(() => {})
      .finally(() => this.#departures.delete(departure));
    this.#departures.add(departure);
  }
}

interface StayContext {
  readonly bus: Bus;
  readonly bucket: TokenBucket;
  readonly maxRefusals: number;
  readonly onLeave: () => void;
}

/** One guest's time in the room, from `join` to `leave`. */
export class Stay {
  /** The name as the room spells it. */
  readonly name: string;
  readonly #guest: Guest;
  readonly #context: StayContext;
  /** Events from before the welcome; `undefined` after it. */
  #early: RoomEvent[] | undefined = [];
  #refusals = 0;
  #over = false;

  constructor(name: string, guest: Guest, context: StayContext) {
    this.name = name;
    this.#guest = guest;
    this.#context = context;
  }

  /** Sends a message to everyone, the sender included. Resolves with the reason if it is refused. Never rejects. */
  async say(raw: string): Promise<string | undefined> {
    if (this.#over) return "you have left the room";
    if (!this.#context.bucket.take()) return this.#refuse("too fast: wait a second");
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

  /** Leaves the room. No effect the second time. */
  leave(): void {
    if (this.#over) return;
    this.#over = true;
    this.#context.onLeave();
  }

  /** Ends the stay and tells the guest why. For the room. */
  end(reason: string): void {
    if (this.#over) return;
    this.leave();
    this.#guest.end(reason);
  }

  /** Shows an event, or ends the stay of a guest that does not keep up. Called by the room. */
  show(event: GuestEvent): void {
    if (this.#over) return;
    if (this.#early !== undefined && event.type !== "welcome") this.#early.push(event);
    else if (!this.#guest.show(event)) this.end("your connection is too slow");
  }

  /** Shows the welcome, then the events that came while `names` was asked for. For the room. */
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

/** Allows `burst` messages at once, and `perSecond` for long. */
class TokenBucket {
  readonly #limits: Pick<RoomLimits, "burst" | "perSecond">;
  readonly #now: () => number;
  #tokens: number;
  #at: number;

  constructor(limits: Pick<RoomLimits, "burst" | "perSecond">, now: () => number) {
    this.#limits = limits;
    this.#now = now;
    this.#tokens = limits.burst;
    this.#at = now();
  }

  /** Takes a token. Returns false if there is none. */
  take(): boolean {
    const now = this.#now();
    const { burst, perSecond } = this.#limits;
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#at) / 1000) * perSecond);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
