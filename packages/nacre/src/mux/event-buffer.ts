import type { Bytes } from "@nacre/wire";
import { Backlog } from "../streams/backlog.ts";
import type { Channel, ChannelEnd, ChannelHandler, ChannelRequest } from "./channel.ts";

/** Maximum number of buffered requests that want no reply. */
const MAX_REQUESTS = 16;

/**
 * Buffers the events of a channel until a handler is set: a server may send data right after confirming an open. Holds no more bytes than
 * the window, because their credit returns only when the handler reports them.
 */
export class EventBuffer implements ChannelHandler {
  readonly #channel: Channel;
  readonly #decide: ((request: ChannelRequest) => void) | undefined;
  /** Data by its stream number. */
  readonly #data = [new Backlog(), new Backlog()];
  #requests: readonly ChannelRequest[] = [];
  #eof = false;
  #end: ChannelEnd | undefined;

  /** `decide` handles requests as they arrive. Without it, requests that want a reply are refused, and the first 16 others are buffered. */
  constructor(channel: Channel, decide?: (request: ChannelRequest) => void) {
    this.#channel = channel;
    this.#decide = decide;
  }

  data(stream: number, bytes: Bytes): void {
    this.#data[stream]?.push(bytes, bytes.length);
  }

  /** Ignored: a new handler has no pending write. */
  writable(): void {}

  eof(): void {
    this.#eof = true;
  }

  request(request: ChannelRequest): void {
    if (this.#decide !== undefined) this.#decide(request);
    else if (request.token !== undefined) this.#channel.reply(request, false);
    else if (this.#requests.length < MAX_REQUESTS) this.#requests = [...this.#requests, request];
  }

  closed(end: ChannelEnd): void {
    this.#end = end;
  }

  /** Calls the handler with the buffered events, in order. */
  replayTo(handler: ChannelHandler): void {
    this.#data.forEach((chunks, stream) => {
      for (let chunk = chunks.shift(); chunk !== undefined; chunk = chunks.shift()) handler.data(stream, chunk.bytes);
    });
    if (this.#eof) handler.eof();
    for (const request of this.#requests) handler.request(request);
    if (this.#end !== undefined) handler.closed(this.#end);
  }
}
