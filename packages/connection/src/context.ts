import type { PacketSink } from "@nacre/packet";
import { type AskToken, SshError } from "@nacre/wire";
import type { ConnectionEvent } from "./events.ts";
import type { ConnectionLimits } from "./limits.ts";
import type { WindowGrowth } from "./receive-window.ts";
import { type Probe, RoundTrip, type Time } from "./round-trip.ts";

/** A channel that waits for room to write, or for the application's answer to a request. */
export interface WaitingChannel {
  wake(): void;
  answer(token: AskToken, success: boolean): void;
}

/**
 * Longest message we send, in bytes. With up to 255 bytes of padding and the padding length it fits in a packet of 256 KiB, OpenSSH's
 * PACKET_MAX_SIZE. Peers treat a longer packet as an attack and disconnect.
 */
const LONGEST_MESSAGE = 256 * 1024 - 256;

/** State shared by the parts of a connection. */
export class ConnectionContext {
  /** Receives outgoing messages. */
  sink: PacketSink;
  readonly limits: ConnectionLimits;
  readonly roundTrip: RoundTrip;
  readonly windowGrowth: WindowGrowth;
  /** Channel of each open ask, by its token. */
  readonly asks: WeakMap<AskToken, WaitingChannel> = new WeakMap();
  /** Channels with a partial `write`, least recently served first. */
  readonly waiting: WaitingChannel[] = [];
  /** Events not yet returned by `nextEvent`. */
  events: ConnectionEvent[] = [];
  /** Whether the peer broke the protocol. No further events are emitted. */
  failed = false;
  #requestCount = 0;
  /** Unexpected replies, minus our requests sent without `wantReply`. */
  #unaskedReplies = 0;

  constructor(sink: PacketSink, time: Time, limits: ConnectionLimits, probe: Probe) {
    this.sink = sink;
    this.limits = limits;
    this.roundTrip = new RoundTrip(time, probe);
    this.windowGrowth = { most: limits.maxWindow, spare: limits.maxWindowGrowth };
  }

  emit(event: ConnectionEvent): void {
    if (!this.failed) this.events.push(event);
  }

  /** Returns a request number that is unique in the connection. */
  nextRequest(): number {
    return this.#requestCount++;
  }

  /** Counts a request sent without `wantReply`. */
  wantedNoReply(): void {
    this.#unaskedReplies--;
  }

  /**
   * Ignores an unexpected reply, as OpenSSH does. Some peers (phpseclib) reply to requests that want no reply. Throws `unexpected-message`
   * when there are more than `limits.maxUnaskedReplies` beyond one per such request.
   */
  admitUnaskedReply(what: string): void {
    // rule: unasked-replies
    if (++this.#unaskedReplies > this.limits.maxUnaskedReplies)
      throw new SshError(
        "unexpected-message",
        `the peer sent ${what} without a pending request; the limit of ${this.limits.maxUnaskedReplies} such replies is reached (\`maxUnaskedReplies\`)`,
      );
  }

  /** Returns the message, which holds application data of any length. Throws `usage` if it is longer than peers accept. */
  checked(message: Uint8Array, what: string): Uint8Array {
    if (message.length <= LONGEST_MESSAGE) return message;
    throw new SshError(
      "usage",
      `${what} is too long: its message has ${message.length} bytes, but the maximum is ${LONGEST_MESSAGE}`,
    );
  }

  /**
   * Throws `request-limit` if the peer sends requests but does not read the replies. Replies are written beyond the high-water mark, so
   * they need a limit of their own.
   */
  admitAsk(): void {
    const most = this.limits.highWater + this.limits.maxReplyBacklog;
    // rule: reply-backlog
    if (this.sink.pending > most)
      throw new SshError(
        "request-limit",
        `the peer keeps sending requests without reading the replies: ${this.sink.pending} bytes of output are queued, but the maximum is ${most}`,
      );
  }

  /** Queues the channel after a partial `write`. A channel that was served moves to the end, so no channel starves another. */
  wait(channel: WaitingChannel, served: boolean): void {
    if (served) this.unwait(channel);
    if (!this.waiting.includes(channel)) this.waiting.push(channel);
  }

  /** Removes the channel from the queue. */
  unwait(channel: WaitingChannel): void {
    const place = this.waiting.indexOf(channel);
    if (place >= 0) this.waiting.splice(place, 1);
  }
}
