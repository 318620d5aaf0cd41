import { SshError } from "@nacre/wire";
import type { Channel } from "./channel.ts";

/** Closed channels that keep their numbers. Only when more have closed does a new channel get the number of the one that closed first. */
const RESTING = 64;

/**
 * The channels of a connection by our number. The number of a closed channel is used again as late as possible, so that a late message for
 * it never reaches another channel.
 */
export class ChannelTable {
  readonly #maxLateRequests: number;
  /** Never shrinks, so its length separates numbers used before from numbers never used. */
  readonly #channels: (Channel | undefined)[] = [];
  /** Numbers of closed channels, in the order of their ends, with the requests that arrived since. */
  readonly #closed: { readonly number: number; lateRequests: number }[] = [];

  constructor(maxLateRequests: number) {
    this.#maxLateRequests = maxLateRequests;
  }

  /** Number of channels that are opening, open or closing. */
  get size(): number {
    return this.#channels.length - this.#closed.length;
  }

  /** The number for a new channel: one never used, or the one that has been free for longest. `add` takes it. */
  get nextNumber(): number {
    const [oldest] = this.#closed;
    // rule: resting-numbers
    return oldest !== undefined && this.#closed.length > RESTING ? oldest.number : this.#channels.length;
  }

  /** Adds a channel that was made with `nextNumber`. */
  add(channel: Channel): void {
    if (channel.number < this.#channels.length) this.#closed.shift();
    this.#channels[channel.number] = channel;
  }

  /** Removes a closed channel. Its number becomes free. */
  release(number: number): void {
    this.#channels[number] = undefined;
    this.#closed.push({ number, lateRequests: 0 });
  }

  get(number: number): Channel | undefined {
    return this.#channels[number];
  }

  /** Returns the channel that a message from the peer names. Throws `channel-unknown`. */
  fromPeer(number: number, what: string): Channel {
    const channel = this.#channels[number];
    if (channel === undefined)
      throw new SshError("channel-unknown", `${what} for channel ${number}, which is not open`);
    return channel;
  }

  /** Returns whether the number belonged to a channel that has closed, and to none since. */
  isClosed(number: number): boolean {
    return number < this.#channels.length && this.#channels[number] === undefined;
  }

  /** Counts a request for a closed channel. Returns false if the channel never existed, or for more than `maxLateRequests`. */
  admitLateRequest(number: number): boolean {
    const closed = this.#closed.find((one) => one.number === number);
    // rule: late-requests
    return closed !== undefined && ++closed.lateRequests <= this.#maxLateRequests;
  }

  /** Returns whether `test` holds for a channel. */
  some(test: (channel: Channel) => boolean): boolean {
    return this.#channels.some((channel) => channel !== undefined && test(channel));
  }
}
