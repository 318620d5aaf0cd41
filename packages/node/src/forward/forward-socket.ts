import { type Bytes, SshError } from "@nacre/wire";
import {
  type Channel,
  channelPair,
  checkNames,
  checkSignal,
  checkTarget,
  type DialOptions,
  dialChannel,
  type ForwardTarget,
  type Opener,
  type OptionNames,
  onAbort,
  type ReadSource,
  type WriteTarget,
} from "nacre/internal";
import { ChannelPair, type NodeStreams, nodeStreams } from "../node-streams.ts";

/** How a `ForwardSocket` behaves. */
export interface SocketOptions extends Pick<DialOptions, "originator"> {
  /** Whether writing may go on after the end of what is read; default false: the socket then ends itself, as `net.Socket` does. */
  readonly allowHalfOpen?: boolean | undefined;
  /** Aborting destroys the socket. */
  readonly signal?: AbortSignal | undefined;
}

const SOCKET_OPTIONS: OptionNames<SocketOptions> = { allowHalfOpen: true, signal: true, originator: true };

/**
 * A connection from the server onward, as a stream like `net.Socket`, for what takes a socket of its own: database drivers, `node:http`,
 * `tls.connect`. It opens on `connect()`, or by itself when it is first read or written, and emits "connect" and "ready" then. Its errors
 * are those that `Client.dial` rejects with.
 */
export class ForwardSocket extends ChannelPair {
  readonly #mux: Opener;
  readonly #target: ForwardTarget;
  readonly #options: SocketOptions;
  readonly #ends: LateEnds;
  #state: "idle" | "connecting" | "open" = "idle";
  #timeout = 0;
  #idleTimer: NodeJS.Timeout | undefined;

  /** Bytes that arrived. */
  bytesRead = 0;

  /** Use `Client.socket`. */
  constructor(mux: Opener, target: ForwardTarget, options: SocketOptions) {
    checkTarget(target);
    checkNames(options, SOCKET_OPTIONS, "socket");
    checkSignal(options.signal);
    const ends = new LateEnds(() => this.#touch());
    super(ends, ends, { remoteAddress: target.host, remotePort: target.port });
    this.allowHalfOpen = options.allowHalfOpen ?? false;
    this.#mux = mux;
    this.#target = target;
    this.#options = options;
    this.#ends = ends;
    const { signal } = options;
    if (signal === undefined) return;
    const abort = (): void =>
      void this.destroy(new SshError("aborted", "the socket was aborted", { cause: signal.reason }));
    this.once("close", onAbort(signal, abort));
  }

  /**
   * Opens the connection, if it is not open or opening. The target is that of `Client.socket`: arguments are ignored, but for a function
   * that is called on "connect".
   */
  connect(...args: readonly unknown[]): this {
    const listener = args.at(-1);
    if (typeof listener === "function" && this.#state !== "open") this.once("connect", listener as () => void);
    this.#open();
    return this;
  }

  /** Whether the server was asked to connect, and has not answered. */
  get connecting(): boolean {
    return this.#state === "connecting" && !this.destroyed;
  }

  /** Whether it is not open yet. */
  get pending(): boolean {
    return this.#state !== "open";
  }

  get readyState(): "opening" | "open" | "readOnly" | "writeOnly" | "closed" {
    if (this.connecting) return "opening";
    if (this.#state === "idle") return "closed";
    if (this.readable) return this.writable ? "open" : "readOnly";
    return this.writable ? "writeOnly" : "closed";
  }

  /** Bytes that were written, those that wait to be sent included. */
  get bytesWritten(): number {
    return this.#ends.sent + this.writableLength;
  }

  /** Milliseconds that `setTimeout` was called with; `undefined` for none. */
  get timeout(): number | undefined {
    return this.#timeout || undefined;
  }

  /** Emits "timeout" after that many milliseconds in which nothing is read or written; 0 turns it off. The socket stays open. */
  setTimeout(milliseconds: number, listener?: () => void): this {
    clearTimeout(this.#idleTimer);
    this.#timeout = milliseconds;
    if (listener !== undefined) {
      if (milliseconds === 0) this.off("timeout", listener);
      else this.once("timeout", listener);
    }
    if (milliseconds > 0 && !this.destroyed) {
      this.#idleTimer = setTimeout(() => this.emit("timeout"), milliseconds);
      this.#idleTimer.unref();
    }
    return this;
  }

  /** Has no effect: SSH connections never wait for more bytes to send. */
  setNoDelay(_noDelay?: boolean): this {
    return this;
  }

  /** Has no effect: the SSH connection has a keepalive of its own (`limits.keepaliveInterval`). */
  setKeepAlive(_enable?: boolean, _initialDelay?: number): this {
    return this;
  }

  /** Has no effect: the SSH connection keeps the process running. */
  ref(): this {
    return this;
  }

  /** Has no effect: the SSH connection keeps the process running. */
  unref(): this {
    return this;
  }

  /** Returns an empty object: no local address is known. */
  address(): Record<string, never> {
    return {};
  }

  /** Ends the socket, and destroys it when everything that was written has been sent. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", () => this.destroy());
  }

  /** Takes data of the channel, counts it, and restarts the idle timer. */
  override receive(bytes: Bytes): void {
    this.bytesRead += bytes.length;
    this.#touch();
    super.receive(bytes);
  }

  /** Opens the channel before the first read. */
  override _read(): void {
    this.#open();
    super._read();
  }

  /** Opens the channel before the first write. */
  override _write(...args: Parameters<ChannelPair["_write"]>): void {
    this.#open();
    super._write(...args);
  }

  /** Opens the channel before the first write. */
  override _writev(...args: Parameters<ChannelPair["_writev"]>): void {
    this.#open();
    super._writev(...args);
  }

  /** Opens the channel before it ends the output. */
  override _final(callback: Parameters<ChannelPair["_final"]>[0]): void {
    this.#open();
    super._final(callback);
  }

  /** Stops the idle timer. */
  override _destroy(...args: Parameters<ChannelPair["_destroy"]>): void {
    clearTimeout(this.#idleTimer);
    super._destroy(...args);
  }

  #open(): void {
    if (this.#state !== "idle" || this.destroyed) return;
    this.#state = "connecting";
    const { signal } = this.#ends;
    dialChannel(this.#mux, this.#target, { signal, originator: this.#options.originator }).then(
      (channel) => this.#opened(channel),
      (error: SshError) => void this.destroy(error),
    );
  }

  #opened(channel: Channel): void {
    this.#state = "open";
    try {
      this.emit("connect");
      this.emit("ready");
    } finally {
      // What arrived with the confirmation follows: listeners are set on "connect".
      channelPair<NodeStreams>(channel, {
        ...nodeStreams,
        pair: (source, target) => {
          this.#ends.attach(source, target);
          return this;
        },
      });
      this.room();
    }
  }

  /** Something was read or written. */
  #touch(): void {
    this.#idleTimer?.refresh();
  }
}

/** The channel's ends of a socket whose channel may not be open yet. */
class LateEnds implements ReadSource, WriteTarget {
  /** Bytes that the channel has taken. */
  sent = 0;
  readonly #onSent: () => void;
  readonly #dial: AbortController = new AbortController();
  #source: ReadSource | undefined;
  #target: WriteTarget | undefined;
  #ended = false;

  constructor(onSent: () => void) {
    this.#onSent = onSent;
  }

  /** Aborts when the socket is given up. */
  get signal(): AbortSignal {
    return this.#dial.signal;
  }

  /** The channel is open. */
  attach(source: ReadSource, target: WriteTarget): void {
    this.#source = source;
    this.#target = target;
    if (this.signal.aborted) target.abort();
    else if (this.#ended) target.end();
  }

  consumed(bytes: number): void {
    this.#source?.consumed(bytes);
  }

  write(bytes: Uint8Array): number {
    const taken = this.#target?.write(bytes) ?? 0;
    if (taken > 0) {
      this.sent += taken;
      this.#onSent();
    }
    return taken;
  }

  end(): void {
    this.#ended = true;
    this.#target?.end();
  }

  abort(): void {
    this.#dial.abort();
    this.#target?.abort();
  }
}
