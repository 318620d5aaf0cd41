import type { Connection } from "../connection.ts";

/** First number of opens without an answer. They have no number of a channel yet, which is less than this. */
const OPENING = 2 ** 32;

/** The channels of a connection, as the private field `_chanMgr` of ssh2 shows them. */
export class ChannelManager {
  /** Open channels and SFTP sessions by our number, and `true` for each open without an answer, under a number from `OPENING` on. */
  readonly _channels: Record<number, unknown> = {};
  #nextOpen = OPENING;

  /** Number of channels that are open or opening. */
  get _count(): number {
    return Object.keys(this._channels).length;
  }

  /** Adds a channel that is being opened. Call the returned function when its open is answered; further calls have no effect. */
  opening(): () => void {
    const open = this.#nextOpen++;
    this._channels[open] = true;
    return () => this.remove(open, true);
  }

  /** Removes the opens that get no answer any more. */
  forgetOpens(): void {
    for (const [id, value] of Object.entries(this._channels)) if (value === true) delete this._channels[Number(id)];
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
