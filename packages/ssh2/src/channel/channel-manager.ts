import type { Connection } from "../connection.ts";

/** The channels of a connection, as the private field `_chanMgr` of ssh2 shows them. */
export class ChannelManager {
  /** Open channels and SFTP sessions by our number. */
  readonly _channels: Record<number, unknown> = {};
  /** One object for each open without an answer. */
  readonly #opening = new Set<object>();

  /** Number of channels that are open or opening. */
  get _count(): number {
    return Object.keys(this._channels).length + this.#opening.size;
  }

  /** Counts a channel that is being opened. Call the returned function when its open is answered; further calls have no effect. */
  opening(): () => void {
    const open = {};
    this.#opening.add(open);
    return () => void this.#opening.delete(open);
  }

  /** Counts the opens no more that got no answer. */
  forgetOpens(): void {
    this.#opening.clear();
  }

  /** Adds an open channel, or replaces what has its number. */
  add(id: number, value: unknown): void {
    this._channels[id] = value;
  }

  /** Removes a channel, unless another has its number by now. */
  remove(id: number, value: unknown): void {
    if (this._channels[id] === value) delete this._channels[id];
  }
}

const managers = new WeakMap<Connection, ChannelManager>();

/** Returns the channels of a connection, the value of `_chanMgr`. */
export function channelsOf(connection: Connection): ChannelManager {
  let manager = managers.get(connection);
  if (manager === undefined) {
    manager = new ChannelManager();
    managers.set(connection, manager);
  }
  return manager;
}
