import { EventEmitter } from "node:events";
import { type SftpReply, SftpServer, type SftpServerEvent, SSH_FX, symlinkOrderOf } from "@nacre/sftp";
import type { AskToken, Bytes } from "@nacre/wire";
import type { Channel as MuxChannel } from "nacre/extend";
import { callProgram, handlerFor, programReturned } from "../call-program.ts";
import { channelsOf } from "../channel/channel-manager.ts";
import { type Direction, directionsOf } from "../channel/direction.ts";
import { sendExitStatus } from "../channel/signals.ts";
import { NO_STDERR } from "../channel/stderr.ts";
import { type Connection, DEBUG } from "../connection.ts";
import { ssh2Error } from "../errors.ts";
import type { InputAttributes } from "../sftp/attributes.ts";
import { attributesReply, dataReply, handleReply, namesReply, type SftpName, statusReply } from "./replies.ts";
import { sftpRequestEvent } from "./request-event.ts";

/**
 * The server side of SFTP on a session. It emits an event for each request of the client: `OPEN`, `READ`, …, with the number of the
 * request, which its reply repeats. A request without a listener is answered with `OP_UNSUPPORTED`. Handles are the application's Buffers.
 * A client may send any other bytes: check them. Emits "ready" when the client has begun, then "end" and "close".
 */
export class SftpServerChannel extends EventEmitter {
  readonly server: boolean = true;
  readonly type: string = "session";
  readonly subtype: undefined;
  readonly incoming: Direction;
  readonly outgoing: Direction;
  readonly stderr: object = NO_STDERR;
  /** Whether the client may send more requests. */
  readable: boolean = true;
  readonly _client: Connection;
  readonly #channel: MuxChannel;
  readonly #machine: SftpServer;
  /** Unanswered requests by their numbers, oldest first: a client may use a number again. */
  readonly #asked = new Map<number, AskToken[]>();
  #isReady = false;
  /** Bytes received, and those whose window credit was returned. */
  #received = 0;
  #credited = 0;
  #isPumping = false;

  constructor(connection: Connection, channel: MuxChannel) {
    super();
    this._client = connection;
    this.#channel = channel;
    const { incoming, outgoing } = directionsOf(channel);
    this.incoming = incoming;
    this.outgoing = outgoing;
    this.#machine = new SftpServer({
      handles: "raw",
      extensions: "raw",
      symlinkOrder: symlinkOrderOf(channel.peerVersion),
    });
    channelsOf(connection).add(channel.id, this);
    // Set last: it replays what arrived earlier.
    channel.handler = handlerFor(connection, {
      data: (stream, bytes) => this.#onData(stream, bytes),
      writable: () => this.#pump(),
      eof: () => this.#onEof(),
      request: (request) => channel.reply(request, false),
      closed: () => this.#onClosed(),
    });
  }

  /** Methods that send one message, as programs call them on ssh2's private object. SFTP has an exit, too. */
  get _protocol(): object {
    const { _protocol } = this._client as Connection & { readonly _protocol: object };
    return Object.assign(Object.create(_protocol) as object, {
      exitStatus: (_id: number, status: number) => sendExitStatus(this.#channel, status),
    });
  }

  /** Answers `OPEN` or `OPENDIR` with a handle of at most 256 bytes. Throws ssh2's errors for another value. */
  handle(requestId: number, handle: Buffer): void {
    this.#reply(requestId, handleReply(handle));
  }

  /** Answers a request with a status; see `STATUS_CODE`. */
  status(requestId: number, code: number, message?: string): void {
    this.#reply(requestId, statusReply(code, message));
  }

  /** Answers `READ` with bytes, or with text in an encoding, by default UTF-8. */
  data(requestId: number, data: Buffer | string, encoding?: BufferEncoding): void {
    this.#reply(requestId, dataReply(data, encoding));
  }

  /** Answers `READDIR` with entries, `REALPATH` or `READLINK` with one. */
  name(requestId: number, names: SftpName | readonly SftpName[]): void {
    this.#reply(requestId, namesReply(names));
  }

  /** Answers `STAT`, `LSTAT` or `FSTAT` with attributes. */
  attrs(requestId: number, attributes: InputAttributes): void {
    this.#reply(requestId, attributesReply(attributes));
  }

  /** Closes the channel. */
  end(): void {
    this.destroy();
  }

  /** Closes the channel. */
  destroy(): void {
    if (this.outgoing.state !== "open") return;
    // The replies that a listener gave before it ended SFTP.
    this.#send();
    this.outgoing.state = "closing";
    this.#machine.close();
    this.#channel.close();
  }

  #onData(stream: number, bytes: Bytes): void {
    this.#received += bytes.length;
    // Clients must not send extended data; it is dropped.
    if (stream === 0) this.#machine.receive(bytes);
    this.#pump();
  }

  #onEof(): void {
    if (!this.readable) return;
    this.readable = false;
    this.incoming.state = "eof";
    this.#machine.end();
    this.#pump();
    callProgram(this._client, () => this.emit("end"));
  }

  #onClosed(): void {
    channelsOf(this._client).remove(this.#channel.id, this);
    this.#onEof();
    this.#machine.close();
    this.incoming.state = "closed";
    this.outgoing.state = "closed";
    callProgram(this._client, () => this.emit("close"));
  }

  /** Sends a reply to the oldest request with this number. One that is answered already gets no second reply. */
  #reply(requestId: number, reply: SftpReply): void {
    const asked = this.#asked.get(requestId);
    const [token] = asked ?? [];
    if (token === undefined) return;
    // Throws if the reply cannot be encoded; then the request still waits.
    this.#machine.reply(token, reply);
    asked!.shift();
    if (asked!.length === 0) this.#asked.delete(requestId);
    this.#pump();
  }

  /** Passes on events and sends replies, until neither is possible. Replies of listeners leave together with the others. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    do
      for (let event = this.#nextEvent(); event !== undefined; event = this.#nextEvent()) {
        const happened = event;
        // The connection ends: no request behind this one is handled.
        if (!programReturned(this._client, () => this.#onEvent(happened))) this.#machine.close();
      }
    while (this.#send());
    this.#isPumping = false;
    const parsed = this.#received - this.#machine.unparsed - this.#credited;
    this.#credited += parsed;
    if (parsed > 0) this.#channel.consumed(parsed);
  }

  #nextEvent(): SftpServerEvent<Uint8Array> | undefined {
    const event = this.#machine.nextEvent();
    // The first bytes to send answer the client's SSH_FXP_INIT.
    if (!this.#isReady && this.#machine.unsent.length > 0) {
      this.#isReady = true;
      callProgram(this._client, () => this.emit("ready"));
    }
    return event;
  }

  /** Sends replies. Returns whether some were sent, so that the client's next requests may be read. */
  #send(): boolean {
    const { length } = this.#machine.unsent;
    if (length === 0 || this.outgoing.state !== "open") return false;
    const sent = this.#channel.write(this.#machine.unsent);
    this.#machine.sent(sent);
    return sent > 0;
  }

  #onEvent(event: SftpServerEvent<Uint8Array>): void {
    if (event.type === "closed") {
      if (event.error !== undefined) this.#fail(event.error);
      return;
    }
    if (event.type !== "request") return;
    const { id, token, request } = event;
    const asked = this.#asked.get(id);
    if (asked === undefined) this.#asked.set(id, [token]);
    else asked.push(token);
    const shown = sftpRequestEvent(request);
    const name = shown?.[0] ?? request.type;
    this._client[DEBUG]?.(`SFTP: Inbound: Received ${name} (id:${id})`);
    if (shown === undefined || !this.emit(shown[0], id, ...shown.slice(1))) this.status(id, SSH_FX.OP_UNSUPPORTED);
  }

  /** Ends SFTP after invalid input. Without a listener the error is dropped: a client must not crash the program. */
  #fail(cause: Error): void {
    this._client[DEBUG]?.(`SFTP: Inbound: ${cause.message}`);
    if (this.listenerCount("error") > 0)
      callProgram(this._client, () =>
        this.emit("error", Object.assign(ssh2Error(cause.message, { cause }), { level: "sftp-protocol" })),
      );
    this.destroy();
  }
}
