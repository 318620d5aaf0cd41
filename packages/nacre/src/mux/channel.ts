import type { Connection } from "@nacre/connection";
import { type Bytes, SshError } from "@nacre/wire";
import type { Exit } from "../client/options.ts";
import { Unheard } from "./unheard.ts";

/** What a channel tells its user. */
export interface ChannelHandler {
  /** Bytes, which the handler may keep. Their window credit returns when they are reported as `consumed`. */
  data(stream: "stdout" | "stderr", bytes: Bytes): void;
  /** After a `write` that took less than all: there is room again. */
  writable(): void;
  /** The other side sends no more data. */
  eof(): void;
  /** The last call. `error` tells why, where the connection ended before the channel or we closed it with a reason. */
  closed(exit: Exit, error: SshError | undefined): void;
}

/**
 * What a reader is to hear who was told no end of what the command prints, when its channel is closed: nothing where the server has
 * said how the command ended, as not all of them send an EOF; otherwise that what came may not be all.
 */
export function cutShort(exit: Exit, error: SshError | undefined): SshError | undefined {
  if (error !== undefined || exit.status !== undefined || exit.signal !== undefined) return error;
  return new SshError(
    "channel-closed",
    "the server closed the channel and told neither an end of the output nor of the command: what came may not be all",
  );
}

/** What carries a channel. */
export interface ChannelHost {
  readonly session: { readonly connection: Connection };
  /** To be called after something was asked of the connection. */
  touch(): void;
}

interface Waiting {
  /** Of the request. */
  readonly id: number;
  readonly resolve: (success: boolean) => void;
  readonly reject: (error: SshError) => void;
}

/** How long who has given a channel up waits for the other side's CLOSE, which must come (RFC 4254 §5.3): milliseconds. */
const CLOSE_TIMEOUT = 2000;

const NOT_ENDED: Exit = { status: undefined, signal: undefined, coreDumped: false };
const NOBODY: ChannelHandler = { data() {}, writable() {}, eof() {}, closed() {} };

/** An open session channel, with callbacks: what the streams of the Web and of Node are made of. */
export class Channel {
  readonly id: number;
  /** Resolves when the channel is closed; rejects when the connection ended first. Handled: it may be left alone. */
  readonly exit: Promise<Exit>;
  #handler: ChannelHandler | undefined;
  readonly #host: ChannelHost;
  /** Who waits for the reply to a request of ours. */
  #waiting: readonly Waiting[] = [];
  #exit = NOT_ENDED;
  #closed = false;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;
  /** Why, where the connection ended before the channel, or we closed it with a reason. */
  #error: SshError | undefined;
  #settle!: (error: SshError | undefined) => void;

  constructor(host: ChannelHost, id: number) {
    this.#host = host;
    this.id = id;
    this.exit = new Promise((resolve, reject) => {
      this.#settle = (error) => (error === undefined ? resolve(this.#exit) : reject(error));
    });
    this.exit.catch(() => {});
  }

  /** Who hears of the channel. What came before there was anybody is told when it is set. */
  get handler(): ChannelHandler {
    this.#handler ??= new Unheard();
    return this.#handler;
  }

  set handler(handler: ChannelHandler) {
    const before = this.#handler;
    this.#handler = handler;
    if (before instanceof Unheard) before.tellTo(handler);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Sends bytes, copying them; returns how many were taken. `writable` follows when it was not all. `stream`: a server's error
   * output; plain channel data without it.
   */
  write(bytes: Uint8Array, stream?: "stderr"): number {
    if (this.#closed) throw this.#closedError();
    const taken = this.#host.session.connection.write(this.id, bytes, stream);
    this.#host.touch();
    return taken;
  }

  /** Says that no more will be written. */
  end(): void {
    if (this.#closed) return;
    this.#host.session.connection.sendEof(this.id);
    this.#host.touch();
  }

  /**
   * Closes the channel; what runs behind it is usually hung up. `reason`: why it is given up before its end. Whoever still reads or writes
   * hears of it, in a bounded time whatever the other side does.
   */
  close(reason?: SshError): void {
    if (this.#closed) return;
    if (reason !== undefined) this.#closeTimer ??= setTimeout(() => this.onClosed(undefined), CLOSE_TIMEOUT);
    this.#error ??= reason;
    this.#host.session.connection.close(this.id);
    this.#host.touch();
  }

  /** Returns the window credit of that many bytes. */
  consumed(bytes: number): void {
    if (this.#closed) return;
    this.#host.session.connection.consumed(this.id, bytes);
    this.#host.touch();
  }

  /** Sends a channel request that wants no reply. */
  notify(type: string, data: Uint8Array): void {
    if (this.#closed) return;
    this.#host.session.connection.request(this.id, type, data, { wantReply: false });
    this.#host.touch();
  }

  /** Sends a channel request; rejects with `channel-request-failed` when it is refused. */
  async request(type: string, data: Uint8Array): Promise<void> {
    if (this.#closed) throw this.#closedError();
    const id = this.#host.session.connection.request(this.id, type, data, { wantReply: true });
    this.#host.touch();
    const success = await new Promise<boolean>((resolve, reject) => {
      this.#waiting = [...this.#waiting, { id, resolve, reject }];
    });
    if (!success) throw new SshError("channel-request-failed", `the server refused the request "${type}"`);
  }

  /** For the engine: what the session told about this channel. */
  onReply(request: number, success: boolean): void {
    this.#waiting.find(({ id }) => id === request)?.resolve(success);
    this.#waiting = this.#waiting.filter(({ id }) => id !== request);
  }

  onExit(exit: Exit): void {
    this.#exit = exit;
  }

  onClosed(error: SshError | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#closeTimer);
    this.#error = error ?? this.#error;
    for (const { reject } of this.#waiting) reject(this.#closedError());
    this.#waiting = [];
    this.#settle(error);
    const { handler } = this;
    // Where the other side's CLOSE is not in yet, more may come that is nobody's.
    if (!(handler instanceof Unheard)) this.#handler = NOBODY;
    handler.closed(this.#exit, this.#error);
  }

  #closedError(): SshError {
    return (
      this.#error ??
      new SshError("channel-closed", "the channel is closed: the command has ended, or the server closed it")
    );
  }
}
