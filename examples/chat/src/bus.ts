// What connects the rooms of several processes. With one process, `LocalBus` is enough.

/** What happens in the room. */
export type RoomEvent =
  | { readonly type: "joined" | "left"; readonly name: string }
  | { readonly type: "said"; readonly name: string; readonly text: string };

/** Called by the bus. */
export interface BusListener {
  /** An event of any room on the bus, this one included. All rooms get all events in the same order. */
  event(event: RoomEvent): void;
  /** A name of this process now belongs to another one. */
  lost(name: string): void;
}

/** Carries the events of the room to all processes, and keeps names unique among them. Methods reject if the bus cannot be reached. */
export interface Bus {
  /** Set once by the room. */
  listener: BusListener | undefined;
  /** Reserves a name. Resolves with false if it is taken. */
  enter(name: string): Promise<boolean>;
  /** Returns all reserved names. */
  names(): Promise<readonly string[]>;
  /** Announces a guest. */
  joined(name: string): Promise<void>;
  said(name: string, text: string): Promise<void>;
  /** Releases a name and announces the departure, in one step. */
  leave(name: string): Promise<void>;
  close(): Promise<void>;
}

/** A bus within one process. */
export class LocalBus implements Bus {
  listener: BusListener | undefined;
  readonly #names = new Set<string>();

  async enter(name: string): Promise<boolean> {
    if (this.#names.has(name)) return false;
    this.#names.add(name);
    return true;
  }

  async names(): Promise<readonly string[]> {
    return [...this.#names];
  }

  async joined(name: string): Promise<void> {
    this.#emit({ type: "joined", name });
  }

  async said(name: string, text: string): Promise<void> {
    this.#emit({ type: "said", name, text });
  }

  async leave(name: string): Promise<void> {
    this.#names.delete(name);
    this.#emit({ type: "left", name });
  }

  async close(): Promise<void> {}

  /** Calls the listener later: an event that causes another one first reaches everyone. */
  #emit(event: RoomEvent): void {
    queueMicrotask(() => this.listener?.event(event));
  }
}
