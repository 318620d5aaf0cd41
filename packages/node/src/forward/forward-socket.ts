import { type Bytes, escapeText, type SshError } from "@nacre/wire";
import {
  abortedError,
  type Channel,
  channelPair,
  checkOptions,
  checkOriginator,
  checkSignal,
  checkTarget,
  type DialOptions,
  dialOver,
  type ForwardTarget,
  formatTarget,
  type Opener,
  type OptionRows,
  onAbort,
  type ReadSource,
  type WriteTarget,
} from "nacre/extend";
import { ChannelPair, type NodeStreams, nodeStreams } from "../streams/node-streams.ts";

/** Options of `Client.socket`. */
export interface SocketOptions extends Pick<DialOptions, "originator"> {
  /** Whether the socket stays writable after the end of its input. Default false: it ends its output too, like `net.Socket`. */
  readonly allowHalfOpen?: boolean | undefined;
  /** Aborting destroys the socket. */
  readonly signal?: AbortSignal | undefined;
}

const SOCKET_OPTIONS: OptionRows<SocketOptions> = { allowHalfOpen: "boolean", signal: true, originator: true };

/**
 * A connection opened by the server, as a stream like `net.Socket`. Use it with libraries that accept a socket: database clients,
 * `node:http`, `tls.connect`. It connects on `connect()`, or on the first read or write, and then emits "connect" and "ready". Its errors
 * are those of `Client.dial`.
 */
export class ForwardSocket extends ChannelPair {
  readonly #mux: Opener;
  readonly #target: ForwardTarget;
  readonly #options: SocketOptions;
  readonly #ends: LateEnds;
  #state: "idle" | "connecting" | "open" = "idle";
  #timeout = 0;
  #idleTimer: NodeJS.Timeout | undefined;

  /** Number of bytes received. */
  bytesRead = 0;

  /** For internal use; call `Client.socket` instead. */
  constructor(mux: Opener, target: ForwardTarget, options: SocketOptions) {
    checkTarget(target);
    checkOptions(options, SOCKET_OPTIONS, "`socket`");
    checkSignal(options.signal);
    if (options.originator !== undefined) checkOriginator(options.originator);
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
      void this.destroy(abortedError(`the socket to ${escapeText(formatTarget(target))}`, signal));
    this.once("close", onAbort(signal, abort));
  }

  /**
   * Opens the connection unless it is already open or opening. The target is the one given to `Client.socket`. A function as the last
   * argument is called on "connect"; other arguments are ignored.
   */
  connect(...args: readonly unknown[]): this {
    const listener = args.at(-1);
    if (typeof listener === "function" && this.#state !== "open") this.once("connect", listener as () => void);
    this.#open();
    return this;
  }

  /** Whether the connection request was sent and the server has not replied yet. */
  get connecting(): boolean {
    return this.#state === "connecting" && !this.destroyed;
  }

  /** Whether the connection is not open yet. */
  get pending(): boolean {
    return this.#state !== "open";
  }

  get readyState(): "opening" | "open" | "readOnly" | "writeOnly" | "closed" {
    if (this.connecting) return "opening";
    if (this.#state === "idle") return "closed";
    if (this.readable) return this.writable ? "open" : "readOnly";
    return this.writable ? "writeOnly" : "closed";
  }

  /** Number of bytes written, including those not sent yet. */
  get bytesWritten(): number {
    return this.#ends.sent + this.writableLength;
  }

  /** Idle timeout set by `setTimeout`, in milliseconds; `undefined` if none is set. */
  get timeout(): number | undefined {
    return this.#timeout || undefined;
  }

  /** Emits "timeout" after this many milliseconds without reads or writes; 0 disables it. The socket stays open. */
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

  /** Has no effect: SSH connections never delay small packets. */
  setNoDelay(_noDelay?: boolean): this {
    return this;
  }

  /** Has no effect: the SSH connection has its own keepalive (`limits.keepaliveInterval`). */
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

  /** Returns an empty object, since the local address is unknown. */
  address(): Record<string, never> {
    return {};
  }

  /** Ends the socket, and destroys it after all written data is sent. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once("finish", () => this.destroy());
  }

  /** Counts received data, restarts the idle timer and passes the data on. */
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

  /** Opens the channel before the output ends. */
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
    dialOver(this.#mux, this.#target, { signal, originator: this.#options.originator }).then(
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
      // Attach after "connect", so that its listeners are set before they receive data that came with the confirmation.
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

  /** Restarts the idle timer. */
  #touch(): void {
    this.#idleTimer?.refresh();
  }
}

/** Source and target of a socket; they forward to its channel once it is open. */
class LateEnds implements ReadSource, WriteTarget {
  /** Number of bytes accepted by the channel. */
  sent = 0;
  readonly #onSent: () => void;
  readonly #dial: AbortController = new AbortController();
  #source: ReadSource | undefined;
  #target: WriteTarget | undefined;
  #ended = false;

  constructor(onSent: () => void) {
    this.#onSent = onSent;
  }

  /** Aborts when the socket is destroyed. */
  get signal(): AbortSignal {
    return this.#dial.signal;
  }

  /** Connects to the channel after it opens. */
  attach(source: ReadSource, target: WriteTarget): void {
    this.#source = source;
    this.#target = target;
    if (this.signal.aborted) target.abort();
    else if (this.#ended) void target.end();
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
    void this.#target?.end();
  }

  abort(): void {
    this.#dial.abort();
    this.#target?.abort();
  }
}
