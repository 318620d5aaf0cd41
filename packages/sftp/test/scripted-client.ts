import { type AskToken, readUint32, Writer } from "@nacre/wire";
import {
  decodeReply,
  encodeRequest,
  SFTP_EXTENSIONS,
  type SftpReply,
  type SftpRequest,
  SftpServer,
  type SftpServerEvent,
  type SftpServerOptions,
} from "../src/index.ts";
import { framed } from "./scripted-server.ts";

/** An event of the server with a request. */
export type Asked<Handle = string> = Extract<SftpServerEvent<Handle>, { type: "request" }>;

/** SSH_FXP_INIT with its length field. */
export function initPacket(version: number): Uint8Array {
  return framed(new Writer().byte(1).uint32(version).finish());
}

/** A server under test whose client and application are the test itself. Handles are texts by default. */
export class ScriptedClient<Handle = string> {
  readonly server: SftpServer<Handle>;
  /** Types of the requests by id, to decode their replies. */
  readonly #types = new Map<number, SftpRequest["type"]>();
  #nextId = 1;

  constructor(options: SftpServerOptions<Handle> = {}) {
    this.server = new SftpServer({ extensions: Object.values(SFTP_EXTENSIONS), ...options });
  }

  /** Sends INIT and drops VERSION. */
  ready(): this {
    this.server.receive(initPacket(3));
    if (this.server.nextEvent() !== undefined) throw new Error("an event before any request");
    this.server.sent(this.server.unsent.length);
    return this;
  }

  /** Sends requests in one chunk, and returns their ids. */
  request(...requests: readonly SftpRequest[]): number[] {
    return requests.map((request) => {
      const id = this.#nextId++;
      this.#types.set(id, request.type);
      this.server.receive(framed(encodeRequest(id, request)));
      return id;
    });
  }

  /** Takes the server's events. */
  events(): SftpServerEvent<Handle>[] {
    const events: SftpServerEvent<Handle>[] = [];
    for (let event = this.server.nextEvent(); event !== undefined; event = this.server.nextEvent()) events.push(event);
    return events;
  }

  /** Takes the server's events, which must be requests. */
  asks(): Asked<Handle>[] {
    return this.events().map((event) => {
      if (event.type !== "request") throw new Error(`expected a request, got "${event.type}"`);
      return event;
    });
  }

  /** Sends a request, and returns the token of its ask. Throws if the server refuses it. */
  ask(request: SftpRequest): AskToken {
    this.request(request);
    const asks = this.asks();
    if (asks.length !== 1) throw new Error(`expected one ask, got ${asks.length}`);
    return asks[0]!.token;
  }

  /** Sends a request that the server answers itself, and returns the reply. */
  answer(request: SftpRequest): SftpReply | undefined {
    this.request(request);
    if (this.asks().length > 0) throw new Error("the application was asked");
    return this.replies()[0]?.reply;
  }

  /** Opens a file or directory, and returns its handle on the wire. */
  open(request: SftpRequest & { readonly type: "open" | "opendir" }, value: Handle): Uint8Array {
    this.server.handle(this.ask(request), value);
    const reply = this.replies()[0]?.reply;
    if (reply?.type !== "handle") throw new Error(`expected a handle, got "${reply?.type}"`);
    return reply.handle;
  }

  /** Takes the server's unsent replies. */
  replies(): { readonly id: number; readonly reply: SftpReply }[] {
    const bytes = this.server.unsent.slice();
    this.server.sent(bytes.length);
    const replies = [];
    for (let at = 0; at < bytes.length; ) {
      const length = readUint32(bytes, at);
      const packet = bytes.subarray(at + 4, at + 4 + length);
      const id = readUint32(packet, 1);
      replies.push({ id, reply: decodeReply(packet, this.#types.get(id)!) });
      at += 4 + length;
    }
    return replies;
  }
}
