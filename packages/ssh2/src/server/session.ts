import { EventEmitter } from "node:events";
import type { Bytes } from "@nacre/wire";
import type { ChannelEnd, ChannelHandler, ChannelRequest, Channel as MuxChannel } from "nacre/extend";
import { Channel } from "../channel/channel.ts";
import { channelsOf } from "../channel/channel-manager.ts";
import { DEBUG } from "../connection.ts";
import { SftpServerChannel } from "../sftp-server/channel.ts";
import { uncaught } from "../uncaught.ts";
import { LINK, type ServedClient } from "./served-client.ts";
import { type RequestEvent, requestEvent } from "./session-requests.ts";

/** What runs on a session. */
type Program = Channel | SftpServerChannel;

/** Input that arrives before the program starts, such as that of a client which sends it together with the request. */
type EarlyInput = { readonly stream: number; readonly bytes: Bytes } | "eof";

/**
 * A session of a client. Emits an event for each request, with `accept` and `reject` where the client wants a reply. Replies leave in the
 * order of the requests, also if they are decided in another. A request without a listener is refused.
 */
export class Session extends EventEmitter {
  readonly type: string = "session";
  /** `"shell"`, `"exec"` or `"subsystem:NAME"` of the program that runs. */
  subtype: string | undefined;
  readonly server: boolean = true;
  readonly #client: ServedClient;
  readonly #channel: MuxChannel;
  /** What runs on the session, and the handler of its channel. */
  #program: { readonly value: Program; readonly handler: ChannelHandler } | undefined;
  #early: EarlyInput[] = [];
  /** Whether the client sends no more input. ssh2 refuses all requests from then on. */
  #hasEnded = false;

  constructor(client: ServedClient, channel: MuxChannel) {
    super();
    this.#client = client;
    this.#channel = channel;
    channelsOf(client).add(channel.id, this);
    this.#listen();
  }

  /** What runs on the session, once a request for it was accepted. */
  get _channel(): Program | undefined {
    return this.#program?.value;
  }

  #listen(): void {
    this.#channel.handler = {
      data: (stream, bytes) => {
        if (this.#program === undefined) this.#early.push({ stream, bytes });
        else this.#program.handler.data(stream, bytes);
      },
      writable: () => this.#program?.handler.writable(),
      eof: () => {
        this.#end();
        if (this.#program === undefined) this.#early.push("eof");
        else this.#program.handler.eof();
      },
      request: (request) => this.#onRequest(request),
      closed: (end) => this.#onClosed(end),
    };
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    uncaught(() => this.emit("eof"));
    uncaught(() => this.emit("end"));
  }

  #onClosed(end: ChannelEnd): void {
    this.#hasEnded = true;
    channelsOf(this.#client).remove(this.#channel.id, this);
    uncaught(() => this.emit("close"));
    this.#program?.handler.closed(end);
  }

  #onRequest(request: ChannelRequest): void {
    const event = this.#client[LINK]!.decoded(() => requestEvent(request.requestType, request.data));
    // An exception of a listener must not end the connection.
    uncaught(() => {
      if (!this.#hasEnded && event !== undefined && this.#ask(request, event)) return;
      this.#client[DEBUG]?.(`Automatic rejection of incoming channel request: ${request.requestType}`);
      this.#channel.reply(request, false);
    });
  }

  /** Emits the event of a request. Returns whether anyone listens. */
  #ask(request: ChannelRequest, { event, values }: RequestEvent): boolean {
    const wantsReply = request.token !== undefined;
    let isAnswered = false;
    const answer = (success: boolean): boolean => {
      if (isAnswered || this.#channel.closed) return false;
      isAnswered = true;
      this.#channel.reply(request, success);
      return true;
    };
    const reject = wantsReply ? () => void answer(false) : undefined;
    if (event !== "shell" && event !== "exec" && event !== "subsystem")
      return this.emit(event, wantsReply ? () => void answer(true) : undefined, reject, ...values);
    // Only one program runs on a session (RFC 4254 §6.5).
    const start = (make: () => Program) => (): Program | undefined =>
      this.#program === undefined && answer(true) ? this.#run(make) : undefined;
    const { name } = (values[0] ?? {}) as { readonly name?: string };
    if (event === "subsystem" && name === "sftp" && this.listenerCount("sftp") > 0)
      return this.emit(
        "sftp",
        start(() => new SftpServerChannel(this.#client, this.#channel)),
        reject,
      );
    const subtype = event === "subsystem" ? `${event}:${name}` : event;
    const channel = (): Channel => {
      this.subtype = subtype;
      return new Channel(this.#client, this.#channel, { type: this.type, subtype, server: true });
    };
    return this.emit(event, start(channel), reject, ...values);
  }

  /** Starts a program, which gets the input from now on, and what arrived before. */
  #run(make: () => Program): Program {
    const value = make();
    // The program has set its own handler. The session stays before it, for the requests and its own events.
    const { handler } = this.#channel;
    this.#program = { value, handler };
    this.#listen();
    const early = this.#early;
    this.#early = [];
    for (const input of early) {
      if (input === "eof") handler.eof();
      else handler.data(input.stream, input.bytes);
    }
    return value;
  }
}
