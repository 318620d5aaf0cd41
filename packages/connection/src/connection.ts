import type { PacketSink } from "@nacre/packet";
import {
  type AskToken,
  type Bytes,
  CHANNEL_OPEN_FAILURE_REASON,
  completeLimits,
  copyBytes,
  type Overrides,
  SSH_EXTENDED_DATA_STDERR,
  SSH_MSG_CHANNEL_CLOSE,
  SSH_MSG_CHANNEL_DATA,
  SSH_MSG_CHANNEL_EOF,
  SSH_MSG_CHANNEL_EXTENDED_DATA,
  SSH_MSG_CHANNEL_FAILURE,
  SSH_MSG_CHANNEL_OPEN,
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION,
  SSH_MSG_CHANNEL_OPEN_FAILURE,
  SSH_MSG_CHANNEL_REQUEST,
  SSH_MSG_CHANNEL_SUCCESS,
  SSH_MSG_CHANNEL_WINDOW_ADJUST,
  SSH_MSG_GLOBAL_REQUEST,
  SSH_MSG_REQUEST_FAILURE,
  SSH_MSG_REQUEST_SUCCESS,
  SshError,
  staleAnswer,
} from "@nacre/wire";
import { Channel } from "./channel.ts";
import type { ChannelFlow } from "./channel-state.ts";
import { ChannelTable } from "./channel-table.ts";
import { ConnectionContext } from "./context.ts";
import { decodeData, decodeExtendedData } from "./data-message.ts";
import type { ConnectionEvent } from "./events.ts";
import { GlobalRequests } from "./global-requests.ts";
import { CONNECTION_LIMITS, type ConnectionLimits } from "./limits.ts";
import { type OpenRefusal, PeerOpens } from "./peer-opens.ts";
import type { Time } from "./round-trip.ts";

/** Options of `Connection`. */
export interface ConnectionOptions {
  /** Receives outgoing messages: the transport. */
  readonly sink: PacketSink;
  /** Channel types that the peer may open; default none. See also `allow`. */
  readonly allowedChannelTypes?: readonly string[];
  readonly limits?: Overrides<ConnectionLimits> | undefined;
  /** The current time. Without it, windows do not grow. */
  readonly time?: Time;
}

const NO_TIME: Time = { now: undefined };

/**
 * The connection protocol (RFC 4254) for either side, as a pure state machine: channels with their windows and requests, and global
 * requests. `receive` handles a payload, `nextEvent` returns its events, and messages leave through the sink. Channels are identified by
 * our number.
 *
 * Invalid input from the peer causes one "closed" event, which is the last. Invalid calls throw `usage`. Calls after the channel has closed
 * are ignored where possible; otherwise they throw `channel-closed`, or `closed` after the "closed" event.
 */
export class Connection {
  readonly #context: ConnectionContext;
  readonly #globals: GlobalRequests;
  readonly #peerOpens: PeerOpens;
  readonly #channels: ChannelTable;

  constructor({ sink, limits, allowedChannelTypes = [], time = NO_TIME }: ConnectionOptions) {
    const complete = completeLimits(CONNECTION_LIMITS, limits);
    this.#context = new ConnectionContext(sink, time, complete, (answered) => this.#globals.probe(answered));
    this.#channels = new ChannelTable(complete.maxLateRequests);
    this.#globals = new GlobalRequests(this.#context);
    this.#peerOpens = new PeerOpens(this.#context, allowedChannelTypes);
  }

  /** Number of channels that are opening, open or closing. */
  get channelCount(): number {
    return this.#channels.size;
  }

  /** Returns the type of the channel with this number, or `undefined` if no such channel is open. */
  channelType(channel: number): string | undefined {
    return this.#channels.get(channel)?.channelType;
  }

  /** Returns the peer's number and the windows of a channel; `undefined` before its confirmation and after `close`. */
  channelFlow(channel: number): ChannelFlow | undefined {
    return this.#channels.get(channel)?.flow();
  }

  /** Releases the memory of empty queues. Call it on an idle connection. */
  releaseBuffers(): void {
    if (this.#context.events.length === 0) this.#context.events = [];
  }

  /**
   * Handles a message of the connection protocol, number 80 to 100. Read all events before you pass the next one. "data" events are views
   * of the payload.
   */
  receive(payload: Bytes): void {
    if (this.#context.failed) return;
    try {
      this.#handle(payload);
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      this.#context.emit({ type: "closed", error });
      this.#context.failed = true;
    }
  }

  /**
   * Handles SSH_MSG_UNIMPLEMENTED for our packet with that sequence number (RFC 4253 §11.4). A request in it has failed; an open in it was
   * refused. Returns whether the packet held an unanswered request or open.
   */
  unimplemented(sequenceNumber: number): boolean {
    if (this.#context.failed) return false;
    return (
      this.#globals.unimplemented(sequenceNumber) ||
      this.#channels.some((channel) => channel.unimplemented(sequenceNumber))
    );
  }

  /** Whether `nextEvent` returns an event. */
  get hasEvents(): boolean {
    return this.#context.events.length > 0;
  }

  /** Returns the next event, or `undefined` until more is received. */
  nextEvent(): ConnectionEvent | undefined {
    const event = this.#context.events.shift();
    // Release the number only now. If it were reused before the application reads this event, it would name two channels.
    if (event?.type === "channel-closed" || event?.type === "channel-open-failed")
      this.#channels.release(event.channel);
    return event;
  }

  /**
   * Opens a channel and returns our number for it. The content of `data` depends on the type. "channel-opened" or "channel-open-failed"
   * follows. Throws `channel-limit`, and `usage` if the message exceeds 256 KiB minus padding.
   */
  openChannel(channelType: string, data: Uint8Array = new Uint8Array(0)): number {
    this.#assertAlive();
    // Pending opens of the peer do not count here. Otherwise a flood of them could keep us from starting a command.
    if (this.#channels.size >= this.#context.limits.maxChannels)
      throw new SshError(
        "channel-limit",
        `the limit of ${this.#context.limits.maxChannels} channels is reached (\`maxChannels\`); close one first`,
      );
    const channel = new Channel(this.#channels.nextNumber, channelType, this.#context);
    channel.open(data);
    this.#channels.add(channel);
    return channel.number;
  }

  /**
   * Sends a request on an open channel and returns its number. With `wantReply` a "request-reply" with that number follows, at the latest
   * before "channel-closed". Without it, a request on a closing channel is ignored. Throws `request-limit`, `channel-closed`, or `usage` if
   * the message exceeds 256 KiB minus padding.
   */
  request(channel: number, requestType: string, data: Uint8Array, options: { readonly wantReply: boolean }): number {
    return this.#openChannelOrThrow(channel).request(requestType, data, options.wantReply);
  }

  /**
   * Sends as much of `bytes` as the peer's window and the sink allow now, and returns the number of bytes sent. They are copied. After a
   * partial write, "writable" signals when more can be sent. `stream` is 0 for channel data, or the type of extended data.
   */
  write(channel: number, bytes: Uint8Array, stream = 0): number {
    return this.#openChannelOrThrow(channel).write(bytes, stream);
  }

  /** Sends SSH_MSG_CHANNEL_EOF: no more data follows. The other direction stays open, and requests can still be sent (RFC 4254 §5.3). */
  sendEof(channel: number): void {
    this.#find(channel)?.sendEof();
  }

  /**
   * Closes the channel in both directions. Data that still arrives is dropped; "channel-closed" follows when the peer has closed too. A
   * channel that is still opening is closed as soon as the peer answers. With `receiving`, the peer's data, EOF and requests remain events
   * until its CLOSE. No window credit or replies are sent.
   */
  close(channel: number, options: { readonly receiving?: boolean } = {}): void {
    this.#find(channel)?.close(options);
  }

  /**
   * Returns window credit for `bytes` bytes of "data" events, so that the peer can send as many more (RFC 4254 §5.2). Do not call it after
   * "channel-closed": the number may belong to another channel. Returns whether there is a message to send: credit is returned half a
   * window at a time. Throws `usage` for more bytes than were delivered.
   */
  consumed(channel: number, bytes: number): boolean {
    return this.#find(channel)?.consumed(bytes) ?? false;
  }

  /** Discards the bytes of a stream on arrival from now on, and returns their window credit. */
  discard(channel: number, stream: number): void {
    this.#find(channel)?.discard(stream);
  }

  /**
   * Sends a global request and returns its number. With `wantReply` a "global-reply" follows. Throws `request-limit`, `closed`, or `usage`
   * if the message is too long.
   */
  globalRequest(requestName: string, data: Uint8Array, options: { readonly wantReply: boolean }): number {
    this.#assertAlive();
    return this.#globals.request(requestName, data, options.wantReply);
  }

  /**
   * Sends the global request `keepalive@openssh.com`, which every peer answers, and calls `answered` when the reply arrives. No event is
   * emitted. Returns false and sends nothing if too many requests are unanswered, or after the "closed" event.
   */
  probe(answered: () => void): boolean {
    return !this.#context.failed && this.#globals.probe(answered);
  }

  /** Allows the peer to open channels of these types. Each open becomes an "open-request". */
  allow(...channelTypes: readonly string[]): void {
    this.#peerOpens.allow(...channelTypes);
  }

  /** Stops allowing the peer to open channels of this type. */
  disallow(channelType: string): void {
    this.#peerOpens.disallow(channelType);
  }

  /**
   * Answers an "open-request": opens the channel and returns our number for it, or refuses. `false` refuses as administratively prohibited.
   * If `maxChannels` are open by then, the open is refused as well. Returns `undefined` if refused.
   */
  answerOpen(token: AskToken, decision: boolean | OpenRefusal): number | undefined {
    const open = this.#peerOpens.take(token);
    if (this.#context.failed) return undefined;
    if (decision !== true) {
      const forbidden = { reasonCode: CHANNEL_OPEN_FAILURE_REASON.ADMINISTRATIVELY_PROHIBITED, description: "refused" };
      this.#peerOpens.refuse(open, decision === false ? forbidden : decision);
      return undefined;
    }
    // rule: channel-count-on-accept
    if (this.#channels.size >= this.#context.limits.maxChannels) {
      const { RESOURCE_SHORTAGE } = CHANNEL_OPEN_FAILURE_REASON;
      this.#peerOpens.refuse(open, { reasonCode: RESOURCE_SHORTAGE, description: "too many channels" });
      return undefined;
    }
    const channel = new Channel(this.#channels.nextNumber, open.channelType, this.#context);
    this.#channels.add(channel);
    channel.accepted(open.senderChannel, open.initialWindowSize, open.maximumPacketSize);
    this.#context.sink.write(
      SSH_MSG_CHANNEL_OPEN_CONFIRMATION.encode({
        recipientChannel: open.senderChannel,
        senderChannel: channel.number,
        initialWindowSize: this.#context.limits.initialWindow,
        maximumPacketSize: this.#context.limits.maxPacketSize,
        data: new Uint8Array(0),
      }),
    );
    return channel.number;
  }

  /** Answers a channel request of the peer. Replies are sent in the order of the requests. */
  answerRequest(token: AskToken, success: boolean): void {
    const channel = this.#context.asks.get(token);
    if (channel === undefined) throw staleAnswer(token);
    this.#context.asks.delete(token);
    if (!this.#context.failed) channel.answer(token, success);
  }

  /** Answers a global request of the peer. `data` is sent with success; its content depends on the request. */
  answerGlobal(token: AskToken, success: boolean, data: Uint8Array = new Uint8Array(0)): void {
    if (!this.#context.failed) this.#globals.answer(token, success, copyBytes(data));
  }

  /** Sends further messages to `sink`. A client switches to the transport itself once it has logged in. */
  useSink(sink: PacketSink): void {
    this.#context.sink = sink;
  }

  /** Emits "writable" where due. Call it when the sink accepts data again: after output was taken, a key exchange ended or a turn ended. */
  flush(): void {
    for (const channel of this.#context.waiting) channel.wake();
  }

  #handle(payload: Bytes): void {
    const number = payload[0] ?? 0;
    switch (number) {
      case SSH_MSG_CHANNEL_DATA.number: {
        const { recipientChannel, data } = decodeData(payload);
        const { name } = SSH_MSG_CHANNEL_DATA;
        return this.#channels.fromPeer(recipientChannel, name).receiveData(name, data, 0);
      }
      case SSH_MSG_CHANNEL_EXTENDED_DATA.number: {
        const { recipientChannel, dataTypeCode, data } = decodeExtendedData(payload);
        const { name } = SSH_MSG_CHANNEL_EXTENDED_DATA;
        const stream =
          /* rule: extended-data-type */ dataTypeCode === SSH_EXTENDED_DATA_STDERR ? dataTypeCode : undefined;
        return this.#channels.fromPeer(recipientChannel, name).receiveData(name, data, stream);
      }
      case SSH_MSG_CHANNEL_WINDOW_ADJUST.number: {
        const { recipientChannel, bytesToAdd } = SSH_MSG_CHANNEL_WINDOW_ADJUST.decode(payload);
        // Ignored, as in OpenSSH: some peers adjust a channel that has just closed.
        if (this.#channels.isClosed(recipientChannel)) return;
        return this.#channels.fromPeer(recipientChannel, SSH_MSG_CHANNEL_WINDOW_ADJUST.name).receiveAdjust(bytesToAdd);
      }
      case SSH_MSG_CHANNEL_EOF.number:
        return this.#channelNamedIn(payload, SSH_MSG_CHANNEL_EOF).receiveEof();
      case SSH_MSG_CHANNEL_CLOSE.number:
        return this.#channelNamedIn(payload, SSH_MSG_CHANNEL_CLOSE).receiveClose();
      case SSH_MSG_CHANNEL_REQUEST.number: {
        const request = SSH_MSG_CHANNEL_REQUEST.decode(payload);
        // Ignored, as in OpenSSH: paramiko's servers send exit-status after CLOSE.
        if (this.#channels.admitLateRequest(request.recipientChannel)) return;
        return this.#channels.fromPeer(request.recipientChannel, SSH_MSG_CHANNEL_REQUEST.name).receiveRequest(request);
      }
      case SSH_MSG_CHANNEL_SUCCESS.number:
      case SSH_MSG_CHANNEL_FAILURE.number: {
        const success = number === SSH_MSG_CHANNEL_SUCCESS.number;
        const reply = success ? SSH_MSG_CHANNEL_SUCCESS : SSH_MSG_CHANNEL_FAILURE;
        return this.#channelNamedIn(payload, reply).receiveReply(reply.name, success);
      }
      case SSH_MSG_CHANNEL_OPEN.number:
        return this.#peerOpens.receive(SSH_MSG_CHANNEL_OPEN.decode(payload), !this.#isFull());
      case SSH_MSG_CHANNEL_OPEN_CONFIRMATION.number: {
        const confirmation = SSH_MSG_CHANNEL_OPEN_CONFIRMATION.decode(payload);
        const { recipientChannel, senderChannel, initialWindowSize, maximumPacketSize } = confirmation;
        const channel = this.#channels.fromPeer(recipientChannel, SSH_MSG_CHANNEL_OPEN_CONFIRMATION.name);
        return channel.confirmed(senderChannel, initialWindowSize, maximumPacketSize);
      }
      case SSH_MSG_CHANNEL_OPEN_FAILURE.number: {
        const { recipientChannel, reasonCode, description } = SSH_MSG_CHANNEL_OPEN_FAILURE.decode(payload);
        return this.#channels
          .fromPeer(recipientChannel, SSH_MSG_CHANNEL_OPEN_FAILURE.name)
          .refused(reasonCode, description);
      }
      case SSH_MSG_GLOBAL_REQUEST.number:
        return this.#globals.receiveRequest(SSH_MSG_GLOBAL_REQUEST.decode(payload));
      case SSH_MSG_REQUEST_SUCCESS.number: {
        const { data } = SSH_MSG_REQUEST_SUCCESS.decode(payload);
        return this.#globals.receiveReply(SSH_MSG_REQUEST_SUCCESS.name, true, data);
      }
      case SSH_MSG_REQUEST_FAILURE.number:
        SSH_MSG_REQUEST_FAILURE.decode(payload);
        return this.#globals.receiveReply(SSH_MSG_REQUEST_FAILURE.name, false, new Uint8Array(0));
      default:
        throw new SshError("unexpected-message", `message ${number} is not part of the connection protocol`);
    }
  }

  /** Whether another open of the peer would exceed `maxChannels`. */
  #isFull(): boolean {
    // rule: channel-count
    return this.#channels.size + this.#peerOpens.size >= this.#context.limits.maxChannels;
  }

  /** Decodes a message that holds only a channel number, and returns that channel. Throws `malformed-message` or `channel-unknown`. */
  #channelNamedIn(payload: Bytes, message: typeof SSH_MSG_CHANNEL_EOF): Channel {
    return this.#channels.fromPeer(message.decode(payload).recipientChannel, message.name);
  }

  /** Returns the channel for a command that is ignored if the channel is gone. */
  #find(channel: number): Channel | undefined {
    return this.#context.failed ? undefined : this.#channels.get(channel);
  }

  #openChannelOrThrow(channel: number): Channel {
    this.#assertAlive();
    const found = this.#channels.get(channel);
    if (found === undefined) throw new SshError("channel-closed", `channel ${channel} is not open`);
    return found;
  }

  #assertAlive(): void {
    if (this.#context.failed) throw new SshError("closed", "the connection ended because the peer broke the protocol");
  }
}
