import { type Bus, LocalBus } from "../src/bus.ts";
import { type Guest, type GuestEvent, Room, type RoomLimits, type Stay } from "../src/room.ts";

/** Guest in memory that records its events. */
export class TestGuest implements Guest {
  readonly events: GuestEvent[] = [];
  readonly ends: string[] = [];
  /** Whether the guest reads its events; if false, `show` reports a slow reader. */
  reads = true;

  show(event: GuestEvent): boolean {
    this.events.push(event);
    return this.reads;
  }

  end(reason: string): void {
    this.ends.push(reason);
  }

  /** Recorded events, formatted as short lines. */
  get lines(): string[] {
    return this.events.map((event) => {
      if (event.type === "welcome") return `welcome ${event.name}: ${event.names.join(" ")}`;
      return event.type === "said" ? `${event.name}: ${event.text}` : `${event.name} ${event.type}`;
    });
  }
}

/** Room with its own bus and a clock that the test sets. */
export interface TestRoom {
  readonly room: Room;
  readonly clock: { now: number };
  /** Adds a guest. Throws if the room refuses it. */
  readonly enter: (name: string) => Promise<{ readonly guest: TestGuest; readonly stay: Stay }>;
}

export function testRoom(limits?: Partial<RoomLimits>, bus: Bus = new LocalBus()): TestRoom {
  const clock = { now: 0 };
  const room = new Room(bus, limits, () => clock.now);
  const enter = async (name: string): Promise<{ readonly guest: TestGuest; readonly stay: Stay }> => {
    const guest = new TestGuest();
    const joined = await room.join(name, guest);
    if ("refused" in joined) throw new Error(joined.refused);
    return { guest, stay: joined };
  };
  return { room, clock, enter };
}

/** Bus on which joining waits until `open` is called. */
export class GatedBus extends LocalBus {
  open: () => void = () => {};
  readonly #opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
  /** Resolves when a guest starts to join. */
  asked: Promise<void>;
  #onAsked: () => void = () => {};

  constructor() {
    super();
    this.asked = new Promise((resolve) => {
      this.#onAsked = resolve;
    });
  }

  override async enter(name: string): Promise<boolean> {
    this.#onAsked();
    await this.#opened;
    return super.enter(name);
  }
}

/** Resolves when a `LocalBus` has delivered its events and the events that they caused. */
export async function delivered(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}
