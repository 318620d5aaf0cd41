import { type Bus, LocalBus } from "../src/bus.ts";
import { type Guest, type GuestEvent, Room, type RoomLimits, type Stay } from "../src/room.ts";

/** A door in memory: records what its client is shown. */
export class TestGuest implements Guest {
  readonly events: GuestEvent[] = [];
  readonly ends: string[] = [];
  /** Whether the client reads. */
  reads = true;

  show(event: GuestEvent): boolean {
    this.events.push(event);
    return this.reads;
  }

  end(reason: string): void {
    this.ends.push(reason);
  }

  /** What the client was shown, as short lines. */
  get lines(): string[] {
    return this.events.map((event) => {
      if (event.type === "welcome") return `welcome ${event.name}: ${event.names.join(" ")}`;
      return event.type === "said" ? `${event.name}: ${event.text}` : `${event.name} ${event.type}`;
    });
  }
}

/** A room on a bus of its own, and a clock that the test moves. */
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

/** A bus on which guests wait to join until `open` is called. */
export class GatedBus extends LocalBus {
  open: () => void = () => {};
  readonly #opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
  /** Resolves when a guest waits. */
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

/** Resolves when the events of a `LocalBus` have been delivered, those that they caused included. */
export async function delivered(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
}
