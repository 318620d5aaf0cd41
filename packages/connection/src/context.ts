import type { PacketSink } from "@nacre/packet";
import { type AskToken, SshError } from "@nacre/wire";
import type { ConnectionOptions } from "./connection.ts";
import type { ConnectionEvent } from "./events.ts";
import type { ConnectionLimits } from "./limits.ts";
import type { WindowGrowth } from "./receive-window.ts";
import type { RequestReaders } from "./request-reader.ts";
import { type Ask, RoundTrip } from "./round-trip.ts";

/** A channel that waits: for room to write, or for the answer to a request of the peer's. */
export interface WaitingChannel {
  wake(): void;
  answer(token: AskToken, success: boolean): void;
}

/**
 * Longest message of ours in bytes. It fits into a packet of 256 KiB (OpenSSH's PACKET_MAX_SIZE) together with up to 255 bytes
 * of padding and the padding length. A peer takes a longer packet for an attack and ends the connection.
 */
const LONGEST_MESSAGE = 256 * 1024 - 256;

/** What the parts of a connection share. */
export class ConnectionContext {
  /** Where messages go. */
  sink: PacketSink;
  /** Ours. */
  readonly role: "client" | "server";
  readonly limits: ConnectionLimits;
  readonly requestReaders: RequestReaders;
  readonly roundTrip: RoundTrip;
  readonly windowGrowth: WindowGrowth;
  /** Which channel an unanswered request is about. */
  readonly questions: WeakMap<AskToken, WaitingChannel> = new WeakMap();
  /** Channels whose last `write` took less than all, in the order in which they were last served. */
  readonly waiting: WaitingChannel[] = [];
  /** What happened and was not told yet. */
  events: ConnectionEvent[] = [];
  /** The peer has broken the protocol: that was the last event. */
  failed = false;
  #requestCount = 0;
  /** Replies to nothing, less our requests that wanted none. */
  #unaskedReplies = 0;

  constructor(
    { sink, role, requestReaders = {} }: Pick<ConnectionOptions, "sink" | "role" | "requestReaders">,
    limits: ConnectionLimits,
    ask: Ask,
  ) {
    this.sink = sink;
    this.role = role;
    this.limits = limits;
    this.requestReaders = requestReaders;
    this.roundTrip = new RoundTrip(ask);
    this.windowGrowth = { most: limits.maxWindow, spare: limits.maxWindowGrowth };
  }

  emit(event: ConnectionEvent): void {
    if (!this.failed) this.events.push(event);
  }

  /** A number for a request of ours, unique in the connection. */
  nextRequest(): number {
    return this.#requestCount++;
  }

  /** A request that wants no reply has left. */
  wantedNoReply(): void {
    this.#unaskedReplies--;
  }

  /**
   * Ignores a reply that nothing awaits, as OpenSSH does: some peers (phpseclib) reply to requests that want no reply. Throws
   * `unexpected-message` for one more than there were such requests and `limits.maxUnaskedReplies` together.
   */
  admitUnaskedReply(what: string): void {
    // rule: unasked-replies
    if (++this.#unaskedReplies > this.limits.maxUnaskedReplies)
      throw new SshError("unexpected-message", `${what} although no request awaits a reply, once too often`);
  }

  /** A message that holds what the application gave, of any length. Throws `usage` when it is longer than a peer takes. */
  checked(message: Uint8Array, what: string): Uint8Array {
    if (message.length <= LONGEST_MESSAGE) return message;
    throw new SshError(
      "usage",
      `${what} is too long: its message would have ${message.length} bytes, and more than ${LONGEST_MESSAGE} cannot be sent`,
    );
  }

  /**
   * Throws `request-limit` when the peer has asked much and read few of the answers: they are written past the high-water mark, so a
   * peer that asks and does not read must be stopped.
   */
  admitQuestion(): void {
    const most = this.limits.highWater + this.limits.maxReplyBacklog;
    // rule: reply-backlog
    if (this.sink.pending > most)
      throw new SshError(
        "request-limit",
        `the peer goes on asking while ${this.sink.pending} bytes wait for it to read`,
      );
  }

  /** Queues the channel after a `write` that took only a part. A channel that was served goes to the end: none starves another. */
  wait(channel: WaitingChannel, served: boolean): void {
    if (served) this.unwait(channel);
    if (!this.waiting.includes(channel)) this.waiting.push(channel);
  }

  /** The channel waits no more. */
  unwait(channel: WaitingChannel): void {
    const place = this.waiting.indexOf(channel);
    if (place >= 0) this.waiting.splice(place, 1);
  }
}
