import type { SentMessage } from "@nacre/packet";
import {
  type AskToken,
  askToken,
  type Bytes,
  CHANNEL_OPEN_FAILURE_REASON,
  type ChannelRequest,
  SSH_MSG_CHANNEL_CLOSE,
  SSH_MSG_CHANNEL_EOF,
  SSH_MSG_CHANNEL_FAILURE,
  SSH_MSG_CHANNEL_OPEN,
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION,
  SSH_MSG_CHANNEL_OPEN_FAILURE,
  SSH_MSG_CHANNEL_REQUEST,
  SSH_MSG_CHANNEL_SUCCESS,
  SSH_MSG_CHANNEL_WINDOW_ADJUST,
  SshError,
} from "@nacre/wire";
import {
  type ChannelFlow,
  type ChannelState,
  type ClosingState,
  dropsInput,
  flowOf,
  type OpenState,
  openState,
} from "./channel-state.ts";
import type { ConnectionContext, WaitingChannel } from "./context.ts";
import { sendData } from "./data-message.ts";
import { type PendingRequest, takeUnimplemented } from "./pending-request.ts";
import { ReceiveWindow } from "./receive-window.ts";

/** A channel, opened by either side (RFC 4254 §5). */
export class Channel implements WaitingChannel {
  readonly number: number;
  readonly channelType: string;
  readonly #context: ConnectionContext;
  readonly #window: ReceiveWindow;
  #openedByUs = true;
  /** Time at which a message that needs an answer was sent while no other was unanswered; see `RoundTrip`. */
  #askedAt: number | undefined;
  #state: ChannelState = { kind: "closed" };

  constructor(number: number, channelType: string, context: ConnectionContext) {
    this.number = number;
    this.channelType = channelType;
    this.#context = context;
    this.#window = new ReceiveWindow(context.limits.initialWindow, context.windowGrowth);
  }

  /** Sends SSH_MSG_CHANNEL_OPEN. The content of `data` depends on the channel type. Throws `usage` if the message is too long. */
  open(data: Uint8Array): void {
    const { sink, limits, roundTrip } = this.#context;
    const message = this.#context.checked(
      SSH_MSG_CHANNEL_OPEN.encode({
        channelType: this.channelType,
        senderChannel: this.number,
        initialWindowSize: limits.initialWindow,
        maximumPacketSize: limits.maxPacketSize,
        data,
      }),
      `the open of a channel of type ${JSON.stringify(this.channelType)}`,
    );
    const sent: SentMessage = { sequenceNumber: undefined };
    this.#state = { kind: "opening", sent };
    this.#askedAt = roundTrip.now;
    sink.write(message, sent);
  }

  /** Enters the open state for a channel that the peer opened and we confirm. */
  accepted(peer: number, window: number, maximum: number): void {
    this.#openedByUs = false;
    this.#askedAt = this.#context.roundTrip.now;
    this.#begin(peer, window, maximum);
  }

  confirmed(peer: number, window: number, maximum: number): void {
    // rule: confirmed-maximum-zero
    if (maximum === 0)
      throw new SshError(
        "malformed-message",
        `${SSH_MSG_CHANNEL_OPEN_CONFIRMATION.name} for channel ${this.number} has a maximum packet size of 0, which allows no data`,
      );
    this.#answered();
    const state = this.#state;
    if (state.kind === "opening") {
      this.#begin(peer, window, maximum);
      this.#context.emit({ type: "channel-opened", channel: this.number });
    } else if (state.kind === "abandoned") {
      this.#begin(peer, window, maximum);
      this.close();
    } else {
      throw this.#unexpected(SSH_MSG_CHANNEL_OPEN_CONFIRMATION.name, "which is not being opened");
    }
  }

  refused(reasonCode: number, description: string): void {
    const state = this.#state;
    if (state.kind === "opening") {
      this.#state = { kind: "closed" };
      this.#context.emit({ type: "channel-open-failed", channel: this.number, reasonCode, description });
    } else if (state.kind === "abandoned") {
      this.#finish([]);
    } else {
      throw this.#unexpected(SSH_MSG_CHANNEL_OPEN_FAILURE.name, "which is not being opened");
    }
  }

  /** Sends as much of `bytes` as the window and the sink allow, in messages of the allowed size. Returns the number of bytes sent. */
  write(bytes: Uint8Array, stream: number): number {
    const { peer, outgoing } = this.#openState();
    if (outgoing.kind === "ended")
      throw new SshError("usage", `channel ${this.number}: cannot write after \`sendEof\``);
    const { sink, limits } = this.#context;
    const most = Math.min(outgoing.maximum, limits.maxSendSize);
    let taken = 0;
    while (taken < bytes.length && outgoing.window > 0 && this.#sinkTakes()) {
      const length = Math.min(bytes.length - taken, outgoing.window, most);
      const all = length === bytes.length;
      sendData(sink, peer, all ? bytes : bytes.subarray(taken, taken + length), stream, most);
      outgoing.window -= length;
      taken += length;
    }
    if (taken === bytes.length) {
      if (outgoing.short !== "no") this.#context.unwait(this);
      outgoing.short = "no";
    } else {
      outgoing.short = "yes";
      this.#context.wait(this, taken > 0);
    }
    return taken;
  }

  /** The peer's number and the windows; `undefined` before the confirmation and after `close`. */
  flow(): ChannelFlow | undefined {
    return flowOf(this.#state);
  }

  /** Emits "writable" if the last `write` was partial and more can be sent now. Emits it once per partial write. */
  wake(): void {
    const state = this.#state;
    if (state.kind !== "open" || state.outgoing.kind === "ended") return;
    if (state.outgoing.short !== "yes" || state.outgoing.window === 0 || !this.#sinkTakes()) return;
    state.outgoing.short = "told";
    this.#context.emit({ type: "writable", channel: this.number });
  }

  sendEof(): void {
    const state = this.#openUnlessLeaving();
    if (state === undefined || state.outgoing.kind === "ended") return;
    state.outgoing = { kind: "ended" };
    this.#context.unwait(this);
    this.#context.sink.write(SSH_MSG_CHANNEL_EOF.encode({ recipientChannel: state.peer }));
  }

  /** With `receiving`, the peer's data, EOF and requests remain events until its CLOSE. */
  close({ receiving = false }: { readonly receiving?: boolean } = {}): void {
    const state = this.#state;
    if (state.kind === "opening") {
      this.#state = { kind: "abandoned", sent: state.sent };
    } else if (state.kind === "open") {
      this.#context.unwait(this);
      this.#context.sink.write(SSH_MSG_CHANNEL_CLOSE.encode({ recipientChannel: state.peer }));
      this.#state = { ...state, kind: "closing", receiving };
    }
  }

  /**
   * Sends a request and returns its number. Without `wantReply`, a request on a closing channel is ignored. Throws `request-limit` for too
   * many unanswered requests, `channel-closed` if the channel is closed, and `usage` if the message is too long.
   */
  request(requestType: string, data: Uint8Array, wantReply: boolean): number {
    const state = wantReply ? this.#openState() : this.#openUnlessLeaving();
    if (state === undefined) return this.#context.nextRequest();
    const { peer, requests } = state;
    if (wantReply && requests.length >= this.#context.limits.maxPendingRequests)
      throw new SshError(
        "request-limit",
        `channel ${this.number}: the limit of ${requests.length} requests that await a reply is reached (\`maxPendingRequests\`)`,
      );
    const message = this.#context.checked(
      SSH_MSG_CHANNEL_REQUEST.encode({ recipientChannel: peer, requestType, wantReply, data }),
      // Users know an "exec" request as their command.
      requestType === "exec" ? "the command" : `the request ${JSON.stringify(requestType)}`,
    );
    const number = this.#context.nextRequest();
    if (!wantReply) {
      this.#context.sink.write(message);
      this.#context.wantedNoReply();
      return number;
    }
    if (requests.length === 0) this.#askedAt = this.#context.roundTrip.now;
    const pending: PendingRequest = { request: number, sequenceNumber: undefined };
    requests.push(pending);
    this.#context.sink.write(message, pending);
    return number;
  }

  /** Answers a request of the peer. Ignored if the channel has closed, since the peer expects no reply then. */
  answer(token: AskToken, success: boolean): void {
    const state = this.#state;
    if (state.kind !== "open") return;
    for (const due of state.replies.settle(token, success)) {
      const reply = due ? SSH_MSG_CHANNEL_SUCCESS : SSH_MSG_CHANNEL_FAILURE;
      this.#context.sink.write(reply.encode({ recipientChannel: state.peer }));
    }
  }

  /** Returns window credit for `length` bytes delivered by "data" events. Returns whether it sent a message. */
  consumed(length: number): boolean {
    const state = this.#openUnlessLeaving();
    if (state === undefined || state.incoming.kind === "ended") return false;
    const { unconsumed } = state.incoming.window;
    if (!(Number.isInteger(length) && length >= 0 && length <= unconsumed))
      throw new SshError("usage", `channel ${this.number}: cannot consume ${length} bytes of ${unconsumed}`);
    return this.#returnCredit(state, state.incoming.window, length);
  }

  /** Discards the stream's bytes from now on. */
  discard(stream: number): void {
    const state = this.#openUnlessLeaving();
    if (state !== undefined && !state.discarded.includes(stream)) state.discarded.push(stream);
  }

  /** Handles data from the peer. `stream` is undefined for an unknown type: the data is dropped, and its window credit returned. */
  receiveData(what: string, data: Bytes, stream: number | undefined): void {
    const state = this.#heard(what);
    const { limits } = this.#context;
    if (state.incoming.kind === "ended")
      // rule: data-after-eof
      throw this.#unexpected(what, "arrived after SSH_MSG_CHANNEL_EOF");
    // rule: data-over-maximum
    if (data.length > limits.maxPacketSize)
      throw new SshError(
        "packet-length",
        `${what} for channel ${this.number} has ${data.length} bytes of data, but our maximum packet size is ${limits.maxPacketSize}`,
      );
    const { window } = state.incoming;
    if (!window.take(data.length, this.#context.roundTrip))
      throw new SshError(
        "window-exceeded",
        `${what} for channel ${this.number} has ${data.length} bytes of data, more than the window allows`,
      );
    if (/* rule: data-after-close */ dropsInput(state) || data.length === 0) return;
    if (stream === undefined || state.discarded.includes(stream))
      // rule: dropped-data
      this.#returnCredit(state, window, data.length);
    // rule: credit-on-consumption
    else this.#context.emit({ type: "data", channel: this.number, stream, data });
  }

  receiveAdjust(bytes: number): void {
    const state = this.#heard(SSH_MSG_CHANNEL_WINDOW_ADJUST.name);
    if (state.kind === "closing" || state.outgoing.kind === "ended") return;
    const window = state.outgoing.window + bytes;
    // rule: window-overflow
    if (window > 0xffff_ffff)
      throw new SshError(
        "window-overflow",
        `channel ${this.number}: the peer raised the window to ${window} bytes, but the maximum is 2^32 - 1`,
      );
    state.outgoing.window = window;
    this.wake();
  }

  receiveEof(): void {
    const state = this.#heard(SSH_MSG_CHANNEL_EOF.name);
    if (state.incoming.kind === "ended") return;
    state.incoming = { kind: "ended" };
    if (!dropsInput(state)) this.#context.emit({ type: "eof", channel: this.number });
  }

  receiveClose(): void {
    const state = this.#heard(SSH_MSG_CHANNEL_CLOSE.name);
    this.close();
    this.#finish(state.requests);
  }

  receiveReply(what: string, success: boolean): void {
    const pending = this.#heard(what).requests.shift();
    if (pending === undefined)
      // rule: unasked-channel-reply
      this.#context.admitUnaskedReply(what);
    else this.#replied(pending.request, success);
  }

  /** Handles SSH_MSG_UNIMPLEMENTED. Returns whether the packet with that number was an unanswered open or request of this channel. */
  unimplemented(sequenceNumber: number): boolean {
    const state = this.#state;
    if (state.kind === "closed") return false;
    if (state.kind === "opening" || state.kind === "abandoned") {
      const isOurs = state.sent.sequenceNumber === sequenceNumber;
      if (isOurs)
        this.refused(
          CHANNEL_OPEN_FAILURE_REASON.UNKNOWN_CHANNEL_TYPE,
          "the peer does not implement SSH_MSG_CHANNEL_OPEN",
        );
      return isOurs;
    }
    const request = takeUnimplemented(state.requests, sequenceNumber);
    if (request !== undefined) this.#replied(request, false);
    return request !== undefined;
  }

  receiveRequest(request: ChannelRequest): void {
    const state = this.#heard(SSH_MSG_CHANNEL_REQUEST.name);
    // A peer that opened the channel usually sends its first request as soon as it receives the confirmation. So this request ends a round
    // trip, unless we sent a request meanwhile.
    if (!this.#openedByUs && state.requests.length === 0) this.#answered();
    if (dropsInput(state)) return;
    const { requestType, data } = request;
    const token = request.wantReply && state.kind === "open" ? this.#ask(state, requestType) : undefined;
    // OpenSSH accepts any reply as a sign of life; its own client replies with a failure.
    if (requestType === "keepalive@openssh.com") {
      if (token !== undefined) this.answer(token, false);
      return;
    }
    if (token !== undefined) this.#context.asks.set(token, this);
    this.#context.emit({ type: "channel-request", channel: this.number, requestType, data, token });
  }

  #ask(state: OpenState, requestType: string): AskToken {
    this.#context.admitAsk();
    // rule: channel-request-count
    if (state.replies.length >= this.#context.limits.maxPeerRequests)
      throw new SshError(
        "request-limit",
        `channel ${this.number}: the peer sent a request, but ${state.replies.length} of its requests still await our reply (\`maxPeerRequests\`)`,
      );
    const token = askToken(requestType);
    state.replies.add(token);
    return token;
  }

  #begin(peer: number, window: number, maximum: number): void {
    this.#state = openState(peer, { kind: "flowing", window, maximum, short: "no" }, this.#window);
  }

  #replied(request: number, success: boolean): void {
    this.#answered();
    this.#context.emit({ type: "request-reply", channel: this.number, request, success });
  }

  #answered(): void {
    this.#context.roundTrip.answered(this.#askedAt);
    this.#askedAt = undefined;
  }

  #finish(requests: readonly PendingRequest[]): void {
    const channel = this.number;
    this.#state = { kind: "closed" };
    this.#window.release();
    for (const { request } of requests) this.#context.emit({ type: "request-reply", channel, request, success: false });
    this.#context.emit({ type: "channel-closed", channel });
  }

  /** Returns whether it sent a window adjustment. */
  #returnCredit(state: OpenState | ClosingState, window: ReceiveWindow, length: number): boolean {
    const bytesToAdd = window.consume(length);
    if (bytesToAdd === 0 || state.kind === "closing") return false;
    this.#context.sink.write(SSH_MSG_CHANNEL_WINDOW_ADJUST.encode({ recipientChannel: state.peer, bytesToAdd }));
    return true;
  }

  #sinkTakes(): boolean {
    const { sink, limits } = this.#context;
    return !sink.held && /* rule: sending-in-turn */ !sink.turnOver && sink.pending < limits.highWater;
  }

  /**
   * Returns the state for a message from the peer, allowed from the confirmation until its SSH_MSG_CHANNEL_CLOSE. Throws `channel-unknown`.
   */
  #heard(what: string): OpenState | ClosingState {
    const state = this.#state;
    // rule: channel-known
    if (state.kind === "open" || state.kind === "closing") return state;
    throw new SshError("channel-unknown", `${what} for channel ${this.number}, which is not open`);
  }

  /** Returns the state for sending. Throws `channel-closed` if the channel is closing or closed, and `usage` if it is not open yet. */
  #openState(): OpenState {
    const state = this.#openUnlessLeaving();
    if (state === undefined) throw new SshError("channel-closed", `channel ${this.number} is closed`);
    return state;
  }

  /** Returns the open state, or `undefined` on a closing or closed channel. Throws `usage` if the channel is not open yet. */
  #openUnlessLeaving(): OpenState | undefined {
    const state = this.#state;
    if (state.kind === "open") return state;
    if (state.kind === "opening")
      throw new SshError("usage", `channel ${this.number} is not open yet; wait for its "channel-opened" event`);
    return undefined;
  }

  #unexpected(what: string, why: string): SshError {
    return new SshError("unexpected-message", `${what} for channel ${this.number} ${why}`);
  }
}
