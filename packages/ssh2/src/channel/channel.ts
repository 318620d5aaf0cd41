import { Duplex, type DuplexOptions, Readable, type Writable } from "node:stream";
import { SshError } from "@nacre/wire";
import type { ChannelEnd, ChannelHandler, ChannelRequest, Channel as MuxChannel } from "nacre/extend";
import { callProgram, handlerFor } from "../call-program.ts";
import { afterClose, type Connection } from "../connection.ts";
import { ssh2Error } from "../errors.ts";
import { channelsOf } from "./channel-manager.ts";
import { type Direction, directionsOf, MAX_WINDOW } from "./direction.ts";
import { type ExitReport, exitValues, isExit, noExit, readExit } from "./exit-report.ts";
import { READABLE_HIGH_WATER, ReceiveBuffer } from "./receive-buffer.ts";
import { SendQueue } from "./send-queue.ts";
import { sendExitSignal, sendExitStatus, sendSignal, sendWindowChange } from "./signals.ts";
import { ReadableStderr, STDERR, WritableStderr } from "./stderr.ts";

/** Key of Nacre's channel. */
export const CHANNEL: unique symbol = Symbol("channel");

/** Facts about a channel. */
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
  readonly #received: ReceiveBuffer;
  readonly #receivedErrors: ReceiveBuffer | undefined;
  readonly #queue: SendQueue;
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
    const { incoming, outgoing } = directionsOf(channel);
    this.incoming = incoming;
    this.outgoing = outgoing;
    const consumed = (bytes: number): void => channel.consumed(bytes);
    this.#received = new ReceiveBuffer(this, consumed);
    this.#queue = new SendQueue(connection, channel);
    if (server) {
      this.stderr = new WritableStderr(this.#queue);
    } else {
      const stderr = new ReadableStderr();
      this.#receivedErrors = stderr.received = new ReceiveBuffer(stderr, consumed);
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
    this.#queue.end();
  }

  /** Sends CLOSE. What the peer still sends, such as the exit of a command, is received until it closes, too. */
  close(): void {
    if (this.outgoing.state !== "open" && this.outgoing.state !== "eof") return;
    this.outgoing.state = "closing";
    this[CHANNEL].closeAfterReading();
    this.#queue.end();
  }

  /** Ends and closes the channel. An error is ignored, as in ssh2. */
  override destroy(_error?: Error): this {
    this.end();
    this.close();
    return this;
  }

  /** Sends the size of the terminal in characters and pixels. Throws at a server. */
  setWindow(rows: number, cols: number, height: number, width: number): void {
    assertRole(this, "client");
    if (this.subtype !== "shell" && this.subtype !== "exec") return;
    if (this.#hasCommand) sendWindowChange(this[CHANNEL], rows, cols, height, width);
  }

  /** Sends a signal to the command, with or without "SIG". Throws `Invalid signal: …`, and at a server. */
  signal(signalName: string): void {
    assertRole(this, "client");
    if (this.#hasCommand) sendSignal(this[CHANNEL], signalName);
  }

  /** Reports how the command ended: its status, or the signal that ended it. Throws `Invalid signal: …`, and at a client. */
  exit(statusOrSignal: number | string, coreDumped?: boolean, message?: string): void {
    assertRole(this, "server");
    if (!this.#hasCommand) return;
    if (typeof statusOrSignal === "number") sendExitStatus(this[CHANNEL], statusOrSignal);
    else sendExitSignal(this[CHANNEL], statusOrSignal, coreDumped, message);
  }

  override _read(): void {
    this.#received.read();
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#queue.write(0, chunk, callback);
  }

  override _writev(chunks: { chunk: Uint8Array }[], callback: (error?: Error | null) => void): void {
    this.#queue.writeAll(0, chunks, callback);
  }

  /** Ends writing. A server's error output that waits for the window is sent first. */
  override end(...values: unknown[]): this {
    // `_final` delays "finish", so it is set only when output is pending.
    if (!this.#queue.isIdle)
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

  #tellIfSent(): void {
    if (!this.#queue.isIdle) return;
    const sent = this.#sent;
    this.#sent = undefined;
    sent?.();
  }

  #finished(): void {
    this.eof();
    if (this.server || !this.allowHalfOpen) this.close();
  }

  #handler(): ChannelHandler {
    return handlerFor(this._client, {
      data: (stream, bytes) => {
        const received = stream === STDERR ? this.#receivedErrors : this.#received;
        if (received === undefined) this[CHANNEL].consumed(bytes.length);
        else received.data(bytes);
      },
      writable: () => {
        this.#queue.flush();
        this.#tellIfSent();
      },
      eof: () => {
        if (this.incoming.state !== "open") return;
        this.incoming.state = "eof";
        this.#endReading();
      },
      request: (request) => this.#request(request),
      closed: (end) => this.#closed(end),
    });
  }

  #endReading(): void {
    this.#received.end();
    this.#receivedErrors?.end();
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
      if (readExit(this._exit, requestType, data)) this.emit("exit", ...exitValues(this._exit));
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
    callProgram(this._client, () => this.#endReading());
    this.#queue.end();
    this.#tellIfSent();
    const { stderr } = this;
    if (!(stderr instanceof Readable) && stderr.writable) stderr.end();
    if (!broken && !this.writableEnded) this.end();
    afterReading(this._client, this, () => this.#emitClose());
    if (stderr instanceof Readable) afterReading(this._client, stderr, () => stderr.emit("close"));
  }

  #emitClose(): void {
    const values = this.server || WITHOUT_EXIT.has(this.type) ? [] : exitValues(this._exit);
    this.emit("close", ...values);
  }
}

/** Throws ssh2's error at the side that must not call a method. */
export function assertRole({ server }: { readonly server: boolean }, needed: "client" | "server"): void {
  if (server === (needed === "server")) return;
  throw ssh2Error(server ? "Client-only method called in server mode" : "Server-only method called in client mode");
}

/** Calls `call` after the listeners of "end" of the stream: now, if nothing is left to read. */
function afterReading(connection: Connection, stream: Readable | Duplex, call: () => void): void {
  if (!stream.readable || stream.destroyed || stream.readableEnded) callProgram(connection, call);
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
