import type { ChannelFlow, Connection, ConnectionEvent } from "@nacre/connection";
import { bearsEarlyMessages } from "@nacre/protocol";
import { type Bytes, SshError } from "@nacre/wire";
import { afterEnd } from "./after-end.ts";
import { uncaught } from "./application-handlers.ts";
import { EventBuffer } from "./event-buffer.ts";

/** A request of the peer on a channel (RFC 4254 §5.4). If it has a `token`, it wants a reply: call `Channel.reply`. */
export type ChannelRequest = Extract<ConnectionEvent, { readonly type: "channel-request" }>;

/** How a channel ended. */
export interface ChannelEnd {
  /** The error that ended the connection, or the reason passed to `close`; `undefined` if the channel closed normally. */
  readonly error: SshError | undefined;
  /** Whether the channel ended because the connection ended. */
  readonly broken: boolean;
}

/** Handles the events of a channel. Each call happens in the turn in which the event arrives. */
export interface ChannelHandler {
  /**
   * Called with bytes from the peer, which the handler may keep. Nothing else uses their buffer. Report them with `consumed` to return
   * their window credit. `stream` is 0 for channel data, and 1 for extended data: the error output of a command (RFC 4254 §5.2).
   */
  data(stream: number, bytes: Bytes): void;
  /** Called when the channel has room again after a partial `write`. */
  writable(): void;
  /** Called when the peer has sent EOF: no more data follows. */
  eof(): void;
  /** Called with a request of the peer. Answer it with `Channel.reply`, now or later. An exception ends the connection. */
  request(request: ChannelRequest): void;
  /** Called when the channel has ended. No other call follows. */
  closed(end: ChannelEnd): void;
}

/** Learns when a channel is used. */
export interface ChannelWatcher {
  /** Called when data arrives or is sent. */
  used(): void;
  /** Called before the request that starts a command, shell or subsystem is sent. */
  started(type: string, data: Uint8Array): void;
}

/** The connection that carries a channel. */
export interface ChannelHost {
  readonly machine: {
    readonly connection: Connection;
    readonly peerVersion: string | undefined;
    reject(error: SshError): void;
  };
  /** Schedules a turn, which handles the events and sends the output that a command to the connection caused. */
  touch(): void;
}

interface PendingReply {
  /** Request number. */
  readonly id: number;
  readonly onReply: (success: boolean) => void;
}

/** Milliseconds to wait for the peer's CLOSE after `close` with a reason. The peer must send one (RFC 4254 §5.3). */
const CLOSE_TIMEOUT = 2000;

const IGNORE_ALL: ChannelHandler = { data() {}, writable() {}, eof() {}, request() {}, closed() {} };

/** An open channel of any type, opened by either side. Carries bytes and requests in both directions, with callbacks. */
export class Channel {
  /** Local channel number. Numbers of closed channels are used again, the one free for longest first. */
  readonly id: number;
  #handler: ChannelHandler | undefined;
  readonly #host: ChannelHost;
  readonly #watcher: ChannelWatcher | undefined;
  /** Requests that await a reply. */
  #waiting: readonly PendingReply[] = [];
  /** Callers waiting for the end of the channel. */
  #awaitingEnd: readonly ((end: ChannelEnd) => void)[] = [];
  /** Whether input waits for the reply to `start`, and whether `end` was called meanwhile. */
  #input: "flows" | "waits" | "ends" = "flows";
  /** The reason passed to `close`. */
  #reason: SshError | undefined;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;
  #end: ChannelEnd | undefined;

  constructor(host: ChannelHost, id: number, watch?: (channel: Channel) => ChannelWatcher) {
    this.#host = host;
    this.id = id;
    this.#watcher = watch?.(this);
  }

  /** Handler of this channel's events. Setting it replays the events that arrived earlier. */
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

  /** The peer's identification string, such as `"SSH-2.0-OpenSSH_10.0"`. Escape it before display. */
  get peerVersion(): string | undefined {
    return this.#host.machine.peerVersion;
  }

  /** The peer's number and the windows in bytes; `undefined` after `close` and after the end. */
  get flow(): ChannelFlow | undefined {
    return this.#end === undefined ? this.#host.machine.connection.channelFlow(this.id) : undefined;
  }

  /** Resolves when the channel is closed. Never rejects. */
  get ended(): Promise<ChannelEnd> {
    if (this.#end !== undefined) return Promise.resolve(this.#end);
    return new Promise((resolve) => {
      this.#awaitingEnd = [...this.#awaitingEnd, resolve];
    });
  }

  /**
   * Sends a copy of the bytes and returns the number taken. If not all were taken, `writable` is called later. `stream` is 0 for
   * channel data, the default, and 1 for error output (RFC 4254 §5.2). Throws `channel-closed`, or the error that ended the channel.
   */
  write(bytes: Uint8Array, stream = 0): number {
    if (this.#end !== undefined) throw this.#closedError();
    if (this.#input !== "flows") return 0;
    const taken = this.#host.machine.connection.write(this.id, bytes, stream);
    if (taken > 0) this.#watcher?.used();
    this.#host.touch();
    return taken;
  }

  /** Sends EOF. Nothing may be written afterwards. */
  end(): void {
    if (this.#end !== undefined) return;
    if (this.#input !== "flows") {
      this.#input = "ends";
      return;
    }
    this.#host.machine.connection.sendEof(this.id);
    this.#host.touch();
  }

  /**
   * Closes the channel in both directions. With a `reason`, readers and writers fail with it, at most two seconds later even if the peer
   * does not answer.
   */
  close(reason?: SshError): void {
    if (this.#end !== undefined) return;
    if (reason !== undefined) this.#closeTimer ??= setTimeout(() => this.onClosed(undefined), CLOSE_TIMEOUT);
    this.#reason ??= reason;
    this.#host.machine.connection.close(this.id);
    this.#host.touch();
  }

  /** Sends CLOSE, but still receives until the peer's CLOSE, such as an exit status. Nothing may be written afterwards. */
  closeAfterReading(): void {
    if (this.#end !== undefined) return;
    this.#host.machine.connection.close(this.id, { receiving: true });
    this.#host.touch();
  }

  /** Returns window credit for `bytes` bytes, so that the peer may send as many more. */
  consumed(bytes: number): void {
    if (this.#end !== undefined) return;
    // Usually the credit is only counted, and a turn would have nothing to send.
    if (this.#host.machine.connection.consumed(this.id, bytes)) this.#host.touch();
  }

  /** Sends a channel request that wants no reply. */
  notify(type: string, data: Uint8Array): void {
    if (this.#end !== undefined) return;
    this.#host.machine.connection.request(this.id, type, data, { wantReply: false });
    this.#host.touch();
  }

  /**
   * Sends a channel request. Calls `onReply` once, in the turn of the reply, before events that follow it in the same packet: with false
   * also if the channel ends without a reply. Throws `channel-closed`, or the error that ended the channel.
   */
  request(type: string, data: Uint8Array, onReply: (success: boolean) => void): void;
  /**
   * Sends a channel request and waits for the reply. Rejects with `channel-request-failed` if the peer refuses it, or with the error that
   * ended the channel. Events that follow the reply in the same packet come before the promise settles.
   */
  request(type: string, data: Uint8Array): Promise<void>;
  request(type: string, data: Uint8Array, onReply?: (success: boolean) => void): Promise<void> | void {
    if (onReply !== undefined) this.#ask(type, data, onReply);
    else return this.#granted(type, (replied) => this.#ask(type, data, replied));
  }

  /**
   * Sends the request that starts a command, shell or subsystem, as `request` does. `write` takes nothing before a granting reply, and
   * `end` waits for it, unless the peer is known to bear early input: ProFTPD's mod_sftp disconnects on it.
   */
  start(type: string, data: Uint8Array, onReply: (success: boolean) => void): void;
  /** Sends the request that starts a command, shell or subsystem, and waits for the reply. */
  start(type: string, data: Uint8Array): Promise<void>;
  start(type: string, data: Uint8Array, onReply?: (success: boolean) => void): Promise<void> | void {
    if (onReply !== undefined) this.#start(type, data, onReply);
    else return this.#granted(type, (replied) => this.#start(type, data, replied));
  }

  /** Answers a request of the peer. No effect if the request wants no reply. */
  reply(request: ChannelRequest, success: boolean): void {
    const { token } = request;
    if (token === undefined || this.#end !== undefined) return;
    this.#host.machine.connection.answerRequest(token, success);
    this.#host.touch();
  }

  /**
   * Ends the connection because a request of the peer on this channel is malformed. The peer receives the error's text. Only for errors
   * that decoding raises.
   */
  reject(error: SshError): void {
    if (this.#end !== undefined) return;
    this.#host.machine.reject(error);
    this.#host.touch();
  }

  /** Handles data of the peer. The mux calls this and the next two methods. */
  onData(stream: number, bytes: Bytes): void {
    this.#watcher?.used();
    this.handler.data(stream, bytes);
  }

  /** Handles the reply to one of our requests. */
  onReply(request: number, success: boolean): void {
    const answered = this.#waiting.find(({ id }) => id === request);
    this.#waiting = this.#waiting.filter((one) => one !== answered);
    uncaught(() => answered?.onReply(success));
  }

  /** `error` is set if the connection ended before the channel. */
  onClosed(error: SshError | undefined): void {
    if (this.#end !== undefined) return;
    const end: ChannelEnd = { error: error ?? this.#reason, broken: error !== undefined };
    this.#end = end;
    clearTimeout(this.#closeTimer);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { onReply } of waiting) uncaught(() => onReply(false));
    for (const resolve of this.#awaitingEnd) resolve(end);
    this.#awaitingEnd = [];
    const { handler } = this;
    // Events may still arrive until the peer's CLOSE. They are dropped.
    if (!(handler instanceof EventBuffer)) this.#handler = IGNORE_ALL;
    handler.closed(end);
  }

  #ask(type: string, data: Uint8Array, onReply: (success: boolean) => void): void {
    if (this.#end !== undefined) throw this.#closedError();
    const id = this.#host.machine.connection.request(this.id, type, data, { wantReply: true });
    this.#waiting = [...this.#waiting, { id, onReply }];
    this.#host.touch();
  }

  #start(type: string, data: Uint8Array, onReply: (success: boolean) => void): void {
    this.#watcher?.started(type, data);
    if (!bearsEarlyMessages(this.peerVersion)) this.#input = "waits";
    this.#ask(type, data, (success) => {
      if (success) uncaught(() => this.#letFlow());
      onReply(success);
    });
  }

  /** Sends the input that waited for the reply to `start`. */
  #letFlow(): void {
    const input = this.#input;
    this.#input = "flows";
    if (input === "ends") this.end();
    else if (input === "waits") this.handler.writable();
  }

  /** Resolves when `send` gets a granting reply to a request. */
  #granted(type: string, send: (replied: (success: boolean) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      send((success) => {
        if (success) resolve();
        else
          reject(
            this.#end?.error ??
              new SshError("channel-request-failed", `the peer refused the channel request "${type}"`),
          );
      });
    });
  }

  #closedError(): SshError {
    const { error, broken = false } = this.#end ?? {};
    if (error === undefined) return new SshError("channel-closed", "the channel is closed");
    return afterEnd(error, broken ? "the connection" : "the channel");
  }
}
