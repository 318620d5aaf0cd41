import { Duplex, type DuplexOptions, Readable, type Writable } from "node:stream";
import { SshError } from "@nacre/wire";
import type { ChannelEnd, ChannelHandler, ChannelRequest, Channel as MuxChannel } from "nacre/extend";
import { uncaught } from "nacre/extend";
import { afterClose, type Connection } from "../connection.ts";
import { ssh2Error } from "../errors.ts";
import { channelsOf } from "./channel-manager.ts";
import { Direction, MAX_WINDOW, PACKET_SIZE } from "./direction.ts";
import { type ExitReport, exitValues, isExit, noExit, readExit } from "./exit-report.ts";
import { Inflow, READABLE_HIGH_WATER } from "./inflow.ts";
import { Outflow } from "./outflow.ts";
import { sendExitSignal, sendExitStatus, sendSignal, sendWindowChange } from "./signals.ts";
import { ReadableStderr, STDERR, WritableStderr } from "./stderr.ts";

/** Key of Nacre's channel. */
export const CHANNEL: unique symbol = Symbol("channel");

/** What a channel is. */
export interface ChannelInfo {
  /** Type of the channel: "session", "direct-tcpip", … A server's accepted connections have none, as in ssh2. */
  readonly type: string | undefined;
  /** Request that started a session: "exec", "shell" or "subsystem". */
  readonly subtype?: string | undefined;
  /** Whether this side is the server. */
  readonly server: boolean;
  /** Whether the channel stays open for reading after `end()`; default true. */
  readonly allowHalfOpen?: boolean | undefined;
  /** Handles requests of the peer other than the exit of a command. Returns whether it took the request: then it replies itself. */
  readonly onRequest?: ((request: ChannelRequest) => boolean) | undefined;
}

/** A stream with the member that a symbol names: TypeScript cannot declare it in an exported class. */
const ChannelStream: new (options: DuplexOptions) => Duplex & { [CHANNEL]: MuxChannel } = Duplex as never;

/** Types whose "close" has no exit of a command. */
const WITHOUT_EXIT = new Set<string | undefined>(["direct-tcpip", "direct-streamlocal@openssh.com"]);

/**
 * A channel as a stream, for both roles. It is its own `stdin` and `stdout`. Events come in ssh2's order: "exit" in the turn of the
 * request, "close" after "end", with the values of "exit". As in ssh2, "close" waits until the data is read, and `destroy` ends without an
 * error.
 */
export class Channel extends ChannelStream {
  readonly server: boolean;
  readonly type: string | undefined;
  subtype: string | undefined;
  readonly stdin: this = this;
  readonly stdout: this = this;
  readonly stderr: Readable | Writable;
  readonly incoming: Direction;
  readonly outgoing: Direction;
  readonly _client: Connection;
  readonly _exit: ExitReport = noExit();
  readonly #inflow: Inflow;
  readonly #errors: Inflow | undefined;
  readonly #outflow: Outflow;
  readonly #onRequest: ChannelInfo["onRequest"];
  /** Set while the end of the stream waits for error output. */
  #sent: (() => void) | undefined;

  constructor(connection: Connection, channel: MuxChannel, info: ChannelInfo) {
    const { type, subtype, server, allowHalfOpen = true, onRequest } = info;
    super({
      allowHalfOpen,
      emitClose: false,
      readableHighWaterMark: READABLE_HIGH_WATER,
      writableHighWaterMark: MAX_WINDOW,
    });
    this[CHANNEL] = channel;
    this.server = server;
    this.type = type;
    this.subtype = subtype;
    this._client = connection;
    this.#onRequest = onRequest;
    const { peer = 0, maxSend = 0 } = channel.flow ?? {};
    this.incoming = new Direction(channel.id, PACKET_SIZE, () => channel.flow?.receiveWindow ?? 0);
    this.outgoing = new Direction(peer, maxSend, () => channel.flow?.sendWindow ?? 0);
    const consumed = (bytes: number): void => channel.consumed(bytes);
    this.#inflow = new Inflow(this, consumed);
    this.#outflow = new Outflow(channel);
    if (server) {
      this.stderr = new WritableStderr(this.#outflow);
    } else {
      const stderr = new ReadableStderr();
      this.#errors = stderr.inflow = new Inflow(stderr, consumed);
      this.stderr = stderr;
    }
    this.once("prefinish", () => this.#finished());
    channelsOf(connection).add(channel.id, this);
    // Set last: it replays what arrived earlier.
    channel.handler = this.#handler();
  }

  /** Sends EOF: no more data follows. */
  eof(): void {
    if (this.outgoing.state !== "open") return;
    this.outgoing.state = "eof";
    this[CHANNEL].end();
    this.#outflow.end();
  }

  /** Sends CLOSE. What the peer still sends, such as the exit of a command, is received until it closes, too. */
  close(): void {
    if (this.outgoing.state !== "open" && this.outgoing.state !== "eof") return;
    this.outgoing.state = "closing";
    this[CHANNEL].closeAfterReading();
    this.#outflow.end();
  }

  /** Ends and closes the channel. An error is ignored, as in ssh2. */
  override destroy(_error?: Error): this {
    this.end();
    this.close();
    return this;
  }

  /** Sends the size of the terminal in characters and pixels. Throws at a server. */
  setWindow(rows: number, cols: number, height: number, width: number): void {
    this.#assertRole(false);
    if (this.subtype !== "shell" && this.subtype !== "exec") return;
    if (this.#hasCommand) sendWindowChange(this[CHANNEL], rows, cols, height, width);
  }

  /** Sends a signal to the command, with or without "SIG". Throws `Invalid signal: …`, and at a server. */
  signal(signalName: string): void {
    this.#assertRole(false);
    if (this.#hasCommand) sendSignal(this[CHANNEL], signalName);
  }

  /** Reports how the command ended: its status, or the signal that ended it. Throws `Invalid signal: …`, and at a client. */
  exit(statusOrSignal: number | string, coreDumped?: boolean, message?: string): void {
    this.#assertRole(true);
    if (!this.#hasCommand) return;
    if (typeof statusOrSignal === "number") sendExitStatus(this[CHANNEL], statusOrSignal);
    else sendExitSignal(this[CHANNEL], statusOrSignal, coreDumped, message);
  }

  override _read(): void {
    this.#inflow.read();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#outflow.write(0, chunk, callback);
  }

  override _writev(chunks: { chunk: Uint8Array }[], callback: (error?: Error | null) => void): void {
    this.#outflow.writeAll(0, chunks, callback);
  }

  /** Ends writing. A server's error output that waits for the window is sent first. */
  override end(...values: unknown[]): this {
    // `_final` delays "finish", so it is set only when output is pending.
    if (!this.#outflow.isIdle)
      this._final = (callback) => {
        this.#sent = callback;
        this.#tellIfSent();
      };
    return super.end(...(values as []));
  }

  /** Whether requests about a command may be sent. */
  get #hasCommand(): boolean {
    return this.type === "session" && this.writable && this.outgoing.state === "open";
  }

  #assertRole(server: boolean): void {
    if (this.server === server) return;
    const [role, mode] = server ? ["Server", "client"] : ["Client", "server"];
    throw ssh2Error(`${role}-only method called in ${mode} mode`);
  }

  #tellIfSent(): void {
    if (!this.#outflow.isIdle) return;
    const sent = this.#sent;
    this.#sent = undefined;
    sent?.();
  }

  #finished(): void {
    this.eof();
    if (this.server || !this.allowHalfOpen) this.close();
  }

  #handler(): ChannelHandler {
    return {
      data: (stream, bytes) => {
        const inflow = stream === STDERR ? this.#errors : this.#inflow;
        if (inflow === undefined) this[CHANNEL].consumed(bytes.length);
        else inflow.data(bytes);
      },
      writable: () => {
        this.#outflow.flush();
        this.#tellIfSent();
      },
      eof: () => {
        if (this.incoming.state !== "open") return;
        this.incoming.state = "eof";
        this.#endReading();
      },
      request: (request) => this.#request(request),
      closed: (end) => this.#closed(end),
    };
  }

  #endReading(): void {
    this.#inflow.end();
    this.#errors?.end();
  }

  #request(request: ChannelRequest): void {
    const { requestType, data } = request;
    const isReport = !this.server && isExit(requestType);
    if (isReport) this.#exited(requestType, data);
    if (isReport || this.#onRequest?.(request) !== true) this[CHANNEL].reply(request, false);
  }

  /** Emits "exit". Only the first report counts. */
  #exited(requestType: string, data: Uint8Array): void {
    try {
      if (readExit(this._exit, requestType, data)) uncaught(() => this.emit("exit", ...exitValues(this._exit)));
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      this[CHANNEL].reject(error);
    }
  }

  #closed({ broken }: ChannelEnd): void {
    channelsOf(this._client).remove(this.incoming.id, this);
    // ssh2 ends the channels of a lost connection after its event "close".
    if (broken) afterClose(this._client, () => this.#ended(true));
    else this.#ended(false);
  }

  #ended(broken: boolean): void {
    this.incoming.state = "closed";
    this.outgoing.state = "closed";
    uncaught(() => this.#endReading());
    this.#outflow.end();
    this.#tellIfSent();
    const { stderr } = this;
    if (!(stderr instanceof Readable) && stderr.writable) stderr.end();
    if (!broken && !this.writableEnded) this.end();
    afterReading(this, () => this.#emitClose());
    if (stderr instanceof Readable) afterReading(stderr, () => stderr.emit("close"));
  }

  #emitClose(): void {
    const values = this.server || WITHOUT_EXIT.has(this.type) ? [] : exitValues(this._exit);
    this.emit("close", ...values);
  }
}

/** Calls `call` after the listeners of "end" of the stream: now, if nothing is left to read. */
function afterReading(stream: Readable | Duplex, call: () => void): void {
  if (!stream.readable || stream.destroyed || stream.readableEnded) uncaught(call);
  else {
    let isCalled = false;
    const run = (): void => {
      if (isCalled) return;
      isCalled = true;
      call();
    };
    // A listener that throws keeps later listeners from their call.
    stream.prependOnceListener("end", () => process.nextTick(run));
    stream.once("end", run);
  }
}
