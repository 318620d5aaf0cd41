import type { Connection, ConnectionEvent, OutputStream, SessionReport, SessionRequest } from "@nacre/connection";
import { type Bytes, SshError } from "@nacre/wire";
import { EventBuffer } from "./event-buffer.ts";

/** A request of the peer on a channel (RFC 4254 §5.4). One with a `token` wants a reply: see `Channel.reply`. */
export type ChannelRequest =
  | Extract<ConnectionEvent, { readonly type: "channel-request" }>
  | SessionRequest
  | SessionReport;

/** How a channel ended. */
export interface ChannelEnd {
  /** The error that ended the connection, or the reason given to `close`; `undefined` after a CLOSE without either. */
  readonly error: SshError | undefined;
  /** Whether the connection ended before the channel. */
  readonly broken: boolean;
}

/** Receives the events of a channel, each in the turn in which it arrives. */
export interface ChannelHandler {
  /** Bytes, which the handler may keep. Their window credit returns when they are reported as `consumed`. */
  data(stream: OutputStream, bytes: Bytes): void;
  /** There is room again after a `write` that took less than all. */
  writable(): void;
  /** The peer sends no more data. */
  eof(): void;
  /** A request of the peer. Answer it with `Channel.reply`, now or later. What this throws ends the connection. */
  request(request: ChannelRequest): void;
  /** The last call. */
  closed(end: ChannelEnd): void;
}

/** Carries a channel. */
export interface ChannelHost {
  readonly session: { readonly connection: Connection };
  /** Handles and sends, at the end of the turn, what a command to the connection has caused. */
  touch(): void;
}

interface PendingReply {
  /** Number of the request. */
  readonly id: number;
  readonly resolve: (success: boolean) => void;
  readonly reject: (error: SshError) => void;
}

/** How long a channel that was closed with a reason waits for the peer's CLOSE, which must come (RFC 4254 §5.3): milliseconds. */
const CLOSE_TIMEOUT = 2000;

const NOBODY: ChannelHandler = { data() {}, writable() {}, eof() {}, request() {}, closed() {} };

/** An open channel of any type, opened by either side: bytes and requests in both directions, with callbacks. */
export class Channel {
  /** Our number of the channel. Free numbers are used again. */
  readonly id: number;
  #handler: ChannelHandler | undefined;
  readonly #host: ChannelHost;
  /** Callers that wait for the reply to a request. */
  #waiting: readonly PendingReply[] = [];
  /** Callers that wait for the end. */
  #awaitingEnd: readonly ((end: ChannelEnd) => void)[] = [];
  /** The reason given to `close`. */
  #reason: SshError | undefined;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;
  #end: ChannelEnd | undefined;

  constructor(host: ChannelHost, id: number) {
    this.#host = host;
    this.id = id;
  }

  /** The handler of this channel's events. Setting it replays the events that arrived before there was one. */
  get handler(): ChannelHandler {
    this.#handler ??= new EventBuffer(this);
    return this.#handler;
  }

  set handler(handler: ChannelHandler) {
    const before = this.#handler;
    this.#handler = handler;
    if (before instanceof EventBuffer) before.replayTo(handler);
  }

  get closed(): boolean {
    return this.#end !== undefined;
  }

  /** Resolves when the channel is closed. Never rejects. */
  get ended(): Promise<ChannelEnd> {
    if (this.#end !== undefined) return Promise.resolve(this.#end);
    return new Promise((resolve) => {
      this.#awaitingEnd = [...this.#awaitingEnd, resolve];
    });
  }

  /**
   * Sends bytes, copying them, and returns how many were taken. If it was not all, `writable` follows. `stream`: extended data of that
   * name (RFC 4254 §5.2); plain channel data by default.
   */
  write(bytes: Uint8Array, stream?: "stderr"): number {
    if (this.#end !== undefined) throw this.#closedError();
    const taken = this.#host.session.connection.write(this.id, bytes, stream);
    this.#host.touch();
    return taken;
  }

  /** Sends EOF: no more will be written. */
  end(): void {
    if (this.#end !== undefined) return;
    this.#host.session.connection.sendEof(this.id);
    this.#host.touch();
  }

  /**
   * Closes the channel in both directions. `reason`: why it is given up before its end. Readers and writers then fail with it within two
   * seconds, whatever the peer does.
   */
  close(reason?: SshError): void {
    if (this.#end !== undefined) return;
    if (reason !== undefined) this.#closeTimer ??= setTimeout(() => this.onClosed(undefined), CLOSE_TIMEOUT);
    this.#reason ??= reason;
    this.#host.session.connection.close(this.id);
    this.#host.touch();
  }

  /** Returns the window credit of that many bytes. */
  consumed(bytes: number): void {
    if (this.#end !== undefined) return;
    this.#host.session.connection.consumed(this.id, bytes);
    this.#host.touch();
  }

  /** Sends a channel request that wants no reply. */
  notify(type: string, data: Uint8Array): void {
    if (this.#end !== undefined) return;
    this.#host.session.connection.request(this.id, type, data, { wantReply: false });
    this.#host.touch();
  }

  /** Sends a channel request. Rejects with `channel-request-failed` if the peer refuses it. */
  async request(type: string, data: Uint8Array): Promise<void> {
    if (this.#end !== undefined) throw this.#closedError();
    const id = this.#host.session.connection.request(this.id, type, data, { wantReply: true });
    this.#host.touch();
    const success = await new Promise<boolean>((resolve, reject) => {
      this.#waiting = [...this.#waiting, { id, resolve, reject }];
    });
    if (!success) throw new SshError("channel-request-failed", `the peer refused the request "${type}"`);
  }

  /** Answers a request of the peer. Has no effect if the request wants no reply. */
  reply(request: ChannelRequest, success: boolean): void {
    const token = "token" in request ? request.token : undefined;
    if (token === undefined || this.#end !== undefined) return;
    this.#host.session.connection.answerRequest(token, success);
    this.#host.touch();
  }

  /** For the mux, as is `onClosed`: the reply to a request of ours. */
  onReply(request: number, success: boolean): void {
    this.#waiting.find(({ id }) => id === request)?.resolve(success);
    this.#waiting = this.#waiting.filter(({ id }) => id !== request);
  }

  /** `error`: the one that ended the connection before the channel. */
  onClosed(error: SshError | undefined): void {
    if (this.#end !== undefined) return;
    const end: ChannelEnd = { error: error ?? this.#reason, broken: error !== undefined };
    this.#end = end;
    clearTimeout(this.#closeTimer);
    for (const { reject } of this.#waiting) reject(this.#closedError());
    this.#waiting = [];
    for (const resolve of this.#awaitingEnd) resolve(end);
    this.#awaitingEnd = [];
    const { handler } = this;
    // Until the peer's CLOSE arrives, more events may come. They are dropped.
    if (!(handler instanceof EventBuffer)) this.#handler = NOBODY;
    handler.closed(end);
  }

  #closedError(): SshError {
    return this.#end?.error ?? new SshError("channel-closed", "the channel is closed");
  }
}
