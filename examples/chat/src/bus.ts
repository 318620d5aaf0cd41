// The bus connects the rooms of several processes. With one process, `LocalBus` is enough.

/** Event of the room. */
export type RoomEvent =
  | { readonly type: "joined" | "left"; readonly name: string }
  | { readonly type: "said"; readonly name: string; readonly text: string };

/** Callbacks that the room gives to the bus. */
export interface BusListener {
  /** Called with an event of any room on the bus, including this one. All rooms receive all events in the same order. */
  event(event: RoomEvent): void;
  /** Called when a name of this process now belongs to another process. */
  lost(name: string): void;
}

/** Sends the events of the room to all processes and keeps names unique among them. Methods reject if the bus is not reachable. */
export interface Bus {
  /** Callbacks of the room; set once. */
  listener: BusListener | undefined;
  /** Reserves a name. Resolves with false if the name is already reserved. */
  enter(name: string): Promise<boolean>;
  /** Returns all reserved names. */
  names(): Promise<readonly string[]>;
  /** Announces that a guest joined. */
  joined(name: string): Promise<void>;
  said(name: string, text: string): Promise<void>;
  /** Releases a name and announces the departure, in one step. */
  leave(name: string): Promise<void>;
  close(): Promise<void>;
}

/** Bus within one process. */
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

  /** Calls the listener in a later microtask, so that an event reaches every guest before any event that it causes. */
  #emit(event: RoomEvent): void {
    queueMicrotask(() => this.listener?.event(event));
  }
}
