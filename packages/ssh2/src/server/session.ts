import { EventEmitter } from "node:events";
import {
  type ChannelEnd,
  type ChannelHandler,
  type ChannelRequest,
  EventBuffer,
  type Channel as MuxChannel,
} from "nacre/extend";
import { callProgram, handlerFor } from "../call-program.ts";
import { Channel } from "../channel/channel.ts";
import { channelsOf } from "../channel/channel-manager.ts";
import { closedChannel } from "../channel/closed-channel.ts";
import { DEBUG } from "../connection.ts";
import { SftpServerChannel } from "../sftp-server/channel.ts";
import { DRIVER, type ServedClient } from "./served-client.ts";
import { type SessionRequestEvent, sessionRequestEvent } from "./session-requests.ts";

/** What runs on a session. */
type Program = Channel | SftpServerChannel;

type State =
  /** `early` has the input that arrives before the program starts, such as that of a client which sends it together with the request. */
  | { readonly kind: "waiting"; readonly early: EventBuffer }
  /** `handler` is that of the program's channel. */
  | { readonly kind: "running"; readonly program: Program; readonly handler: ChannelHandler };

/** The answer to a request, which counts once. */
interface Answer {
  readonly isGiven: boolean;
  /** Returns false if an answer was given before, or the client has closed the session. */
  give(success: boolean): boolean;
}

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
  #state: State;
  /** Whether the client sends no more input. ssh2 refuses all requests from then on. */
  #hasEnded = false;

  constructor(client: ServedClient, channel: MuxChannel) {
    super();
    this.#client = client;
    this.#channel = channel;
    this.#state = { kind: "waiting", early: new EventBuffer(channel) };
    channelsOf(client).add(channel.id, this);
    this.#listen();
  }

  /** What runs on the session, once a request for it was accepted. */
  get _channel(): Program | undefined {
    return this.#state.kind === "running" ? this.#state.program : undefined;
  }

  #listen(): void {
    this.#channel.handler = handlerFor(this.#client, {
      data: (stream, bytes) => this.#input.data(stream, bytes),
      writable: () => this.#input.writable(),
      eof: () => {
        this.#end();
        this.#input.eof();
      },
      request: (request) => this.#onRequest(request),
      closed: (end) => this.#onClosed(end),
    });
  }

  /** What gets the client's input. */
  get #input(): ChannelHandler {
    return this.#state.kind === "running" ? this.#state.handler : this.#state.early;
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.emit("eof");
    this.emit("end");
  }

  #onClosed(end: ChannelEnd): void {
    this.#hasEnded = true;
    channelsOf(this.#client).remove(this.#channel.id, this);
    callProgram(this.#client, () => this.emit("close"));
    this.#input.closed(end);
  }

  #onRequest(request: ChannelRequest): void {
    const event = this.#client[DRIVER]!.decoded(() => sessionRequestEvent(request.requestType, request.data));
    const answer = this.#answerTo(request);
    if (!this.#hasEnded && event !== undefined && this.#ask(request, answer, event)) return;
    this.#client[DEBUG]?.(`Automatic rejection of incoming channel request: ${request.requestType}`);
    answer.give(false);
  }

  #answerTo(request: ChannelRequest): Answer {
    let isGiven = false;
    return {
      get isGiven() {
        return isGiven;
      },
      give: (success) => {
        if (isGiven || this.#channel.closed) return false;
        isGiven = true;
        this.#channel.reply(request, success);
        return true;
      },
    };
  }

  /** Emits the event of a request. Returns whether the event has a listener. */
  #ask({ token }: ChannelRequest, answer: Answer, { event, values }: SessionRequestEvent): boolean {
    const wantsReply = token !== undefined;
    const reject = wantsReply ? () => void answer.give(false) : undefined;
    if (event !== "shell" && event !== "exec" && event !== "subsystem")
      return this.emit(event, wantsReply ? () => void answer.give(true) : undefined, reject, ...values);
    const start = (make: (channel: MuxChannel) => Program) => (): Program | undefined => {
      // Only one program runs on a session (RFC 4254 §6.5).
      if (answer.isGiven || this.#state.kind === "running") return undefined;
      // An application that decides late gets a closed channel.
      if (!answer.give(true)) return this.#runClosed(make);
      return this.#run(make, this.#state.early);
    };
    const { name } = (values[0] ?? {}) as { readonly name?: string };
    if (event === "subsystem" && name === "sftp" && this.listenerCount("sftp") > 0)
      return this.emit(
        "sftp",
        start((channel) => new SftpServerChannel(this.#client, channel)),
        reject,
      );
    const subtype = event === "subsystem" ? `${event}:${name}` : event;
    const stream = (channel: MuxChannel): Channel => {
      this.subtype = subtype;
      return new Channel(this.#client, channel, { type: this.type, subtype, server: true });
    };
    return this.emit(event, start(stream), reject, ...values);
  }

  /** Starts a program, which gets the input from now on, and what arrived before. */
  #run(make: (channel: MuxChannel) => Program, early: EventBuffer): Program {
    const program = make(this.#channel);
    // The program has set its own handler. The session stays before it, for the requests and its own events.
    const { handler } = this.#channel;
    this.#state = { kind: "running", program, handler };
    this.#listen();
    early.replayTo(handler);
    return program;
  }

  /** Starts a program on a session that the client has closed. */
  #runClosed(make: (channel: MuxChannel) => Program): Program {
    const channel = closedChannel(this.#client);
    const program = make(channel);
    this.#state = { kind: "running", program, handler: channel.handler };
    return program;
  }
}
