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
import { ConnectionContext } from "./context.ts";
import { decodeData, decodeExtendedData } from "./data-message.ts";
import type { ConnectionEvent, OutputStream } from "./events.ts";
import { GlobalRequests } from "./global-requests.ts";
import { CONNECTION_LIMITS, type ConnectionLimits } from "./limits.ts";
import { type OpenRefusal, PeerOpens } from "./peer-opens.ts";
import type { RequestReaders } from "./request-reader.ts";

/** Options of one side of the connection protocol. */
export interface ConnectionOptions {
  /** Where messages go: the transport. */
  readonly sink: PacketSink;
  /** Our side: it decides who may send which requests. */
  readonly role: "client" | "server";
  /** Types of channel that the peer may ask us to open; none by default. See also `allow`. */
  readonly allowedChannelTypes?: readonly string[];
  /** Reads channel requests by their meaning; none by default, so that each is a "channel-request". See `sessionRequests`. */
  readonly requestReaders?: RequestReaders | undefined;
  readonly limits?: Overrides<ConnectionLimits> | undefined;
}

/**
 * The connection protocol (RFC 4254) as a pure state machine, for both sides: channels, their windows and requests, and
 * global requests. Payloads go in through `receive`, what happened comes out of `nextEvent`, messages leave through the
 * sink. Channels go by our own number of them.
 *
 * What the peer does wrong is an "error" event, once and last. What the caller does wrong throws `usage`; what comes too
 * late because the channel has closed throws `channel-closed`, or `closed` after an error, where it cannot just be ignored.
 */
export class Connection {
  readonly #context: ConnectionContext;
  readonly #globals: GlobalRequests;
  readonly #peerOpens: PeerOpens;
  /** By our number. It never shrinks, so that its length tells a number that was used from one that never was. */
  readonly #channels: (Channel | undefined)[] = [];
  #channelCount = 0;
  #inbox: Bytes[] = [];

  constructor({ sink, role, limits, allowedChannelTypes = [], requestReaders }: ConnectionOptions) {
    const complete = completeLimits(CONNECTION_LIMITS, limits);
    this.#context = new ConnectionContext({ sink, role, requestReaders }, complete, (answered) =>
      this.#globals.probe(answered),
    );
    this.#globals = new GlobalRequests(this.#context);
    this.#peerOpens = new PeerOpens(this.#context, allowedChannelTypes);
  }

  /** Channels that have a number: opening, open, closing. */
  get channelCount(): number {
    return this.#channelCount;
  }

  /** Tells the time, in milliseconds of a clock that never goes back. Without it windows do not grow. */
  tick(now: number): void {
    this.#context.roundTrip.now = now;
  }

  /** Lets go of the room that messages and events once took, where none is left: for a connection on which nothing happens. */
  rest(): void {
    if (this.#inbox.length === 0) this.#inbox = [];
    if (this.#context.events.length === 0) this.#context.events = [];
  }

  /** Takes a message of the connection protocol, 80…100. It is kept until `nextEvent` reaches it, and data events are views of it. */
  receive(payload: Bytes): void {
    if (!this.#context.failed) this.#inbox.push(payload);
  }

  /**
   * The peer did not understand our packet of that sequence number (RFC 4253 §11.4). What awaits an answer to it has been answered with no:
   * a request has failed, a channel was not opened. Returns false when nothing awaits one.
   */
  unimplemented(sequenceNumber: number): boolean {
    if (this.#context.failed) return false;
    return (
      this.#globals.unimplemented(sequenceNumber) ||
      this.#channels.some((channel) => channel?.unimplemented(sequenceNumber))
    );
  }

  /** What happened next; `undefined` when there is nothing until more is received. */
  nextEvent(): ConnectionEvent | undefined {
    for (;;) {
      const event = this.#context.events.shift();
      if (event !== undefined) {
        // Only now: a number that is reused before its `closed` event is read would mean two channels at once.
        if (event.type === "channel-closed" || event.type === "channel-open-failed") this.#release(event.channel);
        return event;
      }
      const payload = this.#inbox.shift();
      if (payload === undefined) return undefined;
      try {
        this.#handle(payload);
      } catch (error) {
        if (!(error instanceof SshError)) throw error;
        this.#context.emit({ type: "closed", error });
        this.#context.failed = true;
        this.#inbox.length = 0;
      }
    }
  }

  /**
   * Asks the peer for a channel and returns our number of it, the smallest that is free. `data` depends on the type.
   * "channel-opened" or "channel-open-failed" follows. Throws `channel-limit`, and `usage` for an open longer than a peer takes: 256 KiB, but
   * for its padding.
   */
  openChannel(channelType: string, data: Uint8Array = new Uint8Array(0)): number {
    this.#assertAlive();
    // Opens of the peer that wait take no room of ours: a flood of them must not keep a command from starting.
    if (this.#channelCount >= this.#context.limits.maxChannels)
      throw new SshError(
        "channel-limit",
        `${this.#context.limits.maxChannels} channels are the most at once: close one first`,
      );
    const channel = this.#makeChannel(channelType);
    channel.open(data);
    this.#add(channel);
    return channel.number;
  }

  /**
   * Sends a request on an open channel and returns its number. With `wantReply` a "request-reply" of that number follows, before
   * "channel-closed" at the latest. Without it, a request for a channel that is closing is ignored: nothing would come of it.
   * Throws `request-limit`, `channel-closed`, or `usage` for one longer than a peer takes: 256 KiB, but for its padding.
   */
  request(channel: number, requestType: string, data: Uint8Array, options: { readonly wantReply: boolean }): number {
    return this.#openChannelOrThrow(channel).request(requestType, data, options.wantReply);
  }

  /**
   * Sends as much of `bytes` as the peer's window, its packet size and the sink allow now, and returns how many bytes
   * that was: they are copied. When it was not all, "writable" says when to go on with the rest.
   */
  write(channel: number, bytes: Uint8Array, stream?: "stderr"): number {
    return this.#openChannelOrThrow(channel).write(bytes, stream === "stderr");
  }

  /** Says that no more data follows; the other direction stays open (RFC 4254 §5.3). Requests may still be sent. */
  sendEof(channel: number): void {
    this.#find(channel)?.sendEof();
  }

  /**
   * Ends both directions. Data that still comes is dropped; "channel-closed" follows when the peer has closed too. A channel
   * that is being opened is closed as soon as the peer has answered.
   */
  close(channel: number): void {
    this.#find(channel)?.close();
  }

  /**
   * Gives the peer back the credit of `bytes` bytes of "data" events, to send as many again (RFC 4254 §5.2). After
   * "channel-closed" it must not be called: its number may then be another channel's. Throws `usage` for more than was delivered.
   */
  consumed(channel: number, bytes: number): void {
    this.#find(channel)?.consumed(bytes);
  }

  /** From now on the bytes of a stream are dropped as they come, with their credit given back: nobody reads it. */
  discard(channel: number, stream: OutputStream): void {
    this.#find(channel)?.discard(stream);
  }

  /** Sends a global request and returns its number; with `wantReply` a "global-reply" follows. Throws as `request` does. */
  globalRequest(requestName: string, data: Uint8Array, options: { readonly wantReply: boolean }): number {
    this.#assertAlive();
    return this.#globals.request(requestName, data, options.wantReply);
  }

  /**
   * Sends a global request that every peer answers, `keepalive@openssh.com`; `answered` is called with its reply; no event follows.
   * Returns false, and sends nothing, when too many requests await their replies, and after an error of the peer's.
   */
  probe(answered: () => void): boolean {
    return !this.#context.failed && this.#globals.probe(answered);
  }

  /** Lets the peer ask for channels of these types: each such open is an "open-request". */
  allow(...channelTypes: readonly string[]): void {
    this.#peerOpens.allow(...channelTypes);
  }

  /** Takes `allow` back. */
  disallow(channelType: string): void {
    this.#peerOpens.disallow(channelType);
  }

  /**
   * Decides an "open-request": opens the channel and returns our number of it, or refuses (`false`: as forbidden). An open that finds no
   * room any more is refused.
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
    if (this.#channelCount >= this.#context.limits.maxChannels) {
      const { RESOURCE_SHORTAGE } = CHANNEL_OPEN_FAILURE_REASON;
      this.#peerOpens.refuse(open, { reasonCode: RESOURCE_SHORTAGE, description: "too many channels" });
      return undefined;
    }
    const channel = this.#makeChannel(open.channelType);
    this.#add(channel);
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

  /** Decides a request of the peer on a channel. Replies leave in the order of the requests. */
  answerRequest(token: AskToken, success: boolean): void {
    const channel = this.#context.questions.get(token);
    if (channel === undefined) throw staleAnswer(token);
    this.#context.questions.delete(token);
    if (!this.#context.failed) channel.answer(token, success);
  }

  /** Decides a global request of the peer. `data` goes with success, and depends on the request. */
  answerGlobal(token: AskToken, success: boolean, data: Uint8Array = new Uint8Array(0)): void {
    if (!this.#context.failed) this.#globals.answer(token, success, copyBytes(data));
  }

  /** Sends all further messages to `sink`: a client's go straight to the transport once it has logged in. */
  useSink(sink: PacketSink): void {
    this.#context.sink = sink;
  }

  /** To be called when the sink takes data again: output was taken, a key exchange or a turn is over. "writable" follows where due. */
  flush(): void {
    for (const channel of this.#context.waiting) channel.wake();
  }

  #handle(payload: Bytes): void {
    const number = payload[0] ?? 0;
    switch (number) {
      case SSH_MSG_CHANNEL_DATA.number: {
        const { recipientChannel, data } = decodeData(payload);
        return this.#channelFromPeer(recipientChannel, "SSH_MSG_CHANNEL_DATA").receiveData(
          "SSH_MSG_CHANNEL_DATA",
          data,
          "stdout",
        );
      }
      case SSH_MSG_CHANNEL_EXTENDED_DATA.number: {
        const { recipientChannel, dataTypeCode, data } = decodeExtendedData(payload);
        const { name } = SSH_MSG_CHANNEL_EXTENDED_DATA;
        const stream = /* rule: extended-data-type */ dataTypeCode === SSH_EXTENDED_DATA_STDERR ? "stderr" : undefined;
        return this.#channelFromPeer(recipientChannel, name).receiveData(name, data, stream);
      }
      case SSH_MSG_CHANNEL_WINDOW_ADJUST.number: {
        const { recipientChannel, bytesToAdd } = SSH_MSG_CHANNEL_WINDOW_ADJUST.decode(payload);
        // Ignored, as in OpenSSH: some peers adjust a channel that has just closed.
        if (recipientChannel < this.#channels.length && this.#channels[recipientChannel] === undefined) return;
        return this.#channelFromPeer(recipientChannel, "SSH_MSG_CHANNEL_WINDOW_ADJUST").receiveAdjust(bytesToAdd);
      }
      case SSH_MSG_CHANNEL_EOF.number: {
        const { recipientChannel } = SSH_MSG_CHANNEL_EOF.decode(payload);
        return this.#channelFromPeer(recipientChannel, "SSH_MSG_CHANNEL_EOF").receiveEof();
      }
      case SSH_MSG_CHANNEL_CLOSE.number: {
        const { recipientChannel } = SSH_MSG_CHANNEL_CLOSE.decode(payload);
        return this.#channelFromPeer(recipientChannel, "SSH_MSG_CHANNEL_CLOSE").receiveClose();
      }
      case SSH_MSG_CHANNEL_REQUEST.number: {
        const request = SSH_MSG_CHANNEL_REQUEST.decode(payload);
        return this.#channelFromPeer(request.recipientChannel, "SSH_MSG_CHANNEL_REQUEST").receiveRequest(request);
      }
      case SSH_MSG_CHANNEL_SUCCESS.number:
      case SSH_MSG_CHANNEL_FAILURE.number: {
        const success = number === SSH_MSG_CHANNEL_SUCCESS.number;
        const reply = success ? SSH_MSG_CHANNEL_SUCCESS : SSH_MSG_CHANNEL_FAILURE;
        return this.#channelFromPeer(reply.decode(payload).recipientChannel, reply.name).receiveReply(
          reply.name,
          success,
        );
      }
      case SSH_MSG_CHANNEL_OPEN.number:
        return this.#peerOpens.receive(SSH_MSG_CHANNEL_OPEN.decode(payload), !this.#isFull());
      case SSH_MSG_CHANNEL_OPEN_CONFIRMATION.number: {
        const confirmation = SSH_MSG_CHANNEL_OPEN_CONFIRMATION.decode(payload);
        const { recipientChannel, senderChannel, initialWindowSize, maximumPacketSize } = confirmation;
        const channel = this.#channelFromPeer(recipientChannel, "SSH_MSG_CHANNEL_OPEN_CONFIRMATION");
        return channel.confirmed(senderChannel, initialWindowSize, maximumPacketSize);
      }
      case SSH_MSG_CHANNEL_OPEN_FAILURE.number: {
        const { recipientChannel, reasonCode, description } = SSH_MSG_CHANNEL_OPEN_FAILURE.decode(payload);
        return this.#channelFromPeer(recipientChannel, "SSH_MSG_CHANNEL_OPEN_FAILURE").refused(reasonCode, description);
      }
      case SSH_MSG_GLOBAL_REQUEST.number:
        return this.#globals.receiveRequest(SSH_MSG_GLOBAL_REQUEST.decode(payload));
      case SSH_MSG_REQUEST_SUCCESS.number: {
        const { data } = SSH_MSG_REQUEST_SUCCESS.decode(payload);
        return this.#globals.receiveReply("SSH_MSG_REQUEST_SUCCESS", true, data);
      }
      case SSH_MSG_REQUEST_FAILURE.number:
        SSH_MSG_REQUEST_FAILURE.decode(payload);
        return this.#globals.receiveReply("SSH_MSG_REQUEST_FAILURE", false, new Uint8Array(0));
      default:
        throw new SshError("unexpected-message", `message ${number} does not belong to the connection protocol`);
    }
  }

  /** Whether one more open of the peer finds no room. */
  #isFull(): boolean {
    // rule: channel-count
    return this.#channelCount + this.#peerOpens.size >= this.#context.limits.maxChannels;
  }

  #makeChannel(channelType: string): Channel {
    let number = 0;
    while (this.#channels[number] !== undefined) number++;
    return new Channel(number, channelType, this.#context);
  }

  #add(channel: Channel): void {
    this.#channels[channel.number] = channel;
    this.#channelCount++;
  }

  #release(channel: number): void {
    this.#channels[channel] = undefined;
    this.#channelCount--;
  }

  /** The channel a message names. */
  #channelFromPeer(channel: number, what: string): Channel {
    const known = this.#channels[channel];
    if (known === undefined) throw new SshError("channel-unknown", `${what} for channel ${channel}, which is not open`);
    return known;
  }

  /** The channel a command is about, where one that has gone needs no more. */
  #find(channel: number): Channel | undefined {
    return this.#context.failed ? undefined : this.#channels[channel];
  }

  #openChannelOrThrow(channel: number): Channel {
    this.#assertAlive();
    const found = this.#channels[channel];
    if (found === undefined) throw new SshError("channel-closed", `there is no channel ${channel}, or not any more`);
    return found;
  }

  #assertAlive(): void {
    if (this.#context.failed)
      throw new SshError("closed", "the connection has ended because the peer broke the protocol");
  }
}
