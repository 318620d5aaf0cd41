import type { PacketSink, SentMessage } from "@nacre/packet";
import type { ChannelOpenConfirmation } from "@nacre/wire";
import {
  SSH_MSG_CHANNEL_CLOSE,
  SSH_MSG_CHANNEL_DATA,
  SSH_MSG_CHANNEL_OPEN,
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION,
  SSH_MSG_CHANNEL_WINDOW_ADJUST,
} from "@nacre/wire";
import { Connection, type ConnectionEvent, type ConnectionLimits } from "../src/index.ts";

export const NOTHING: Uint8Array = new Uint8Array(0);

/** Transport output as a queue of payloads; `pending` falls only when they are taken. */
export class FakeSink implements PacketSink {
  held = false;
  turnOver = false;
  pending = 0;
  readonly payloads: Uint8Array<ArrayBuffer>[] = [];
  #begun: Uint8Array<ArrayBuffer> | undefined;
  /** Sequence number of the next message. */
  #next = 0;

  write(payload: Uint8Array, sent?: SentMessage): void {
    if (this.#begun) throw new Error("write between begin and commit");
    this.payloads.push(payload.slice());
    this.pending += payload.length;
    if (sent !== undefined) sent.sequenceNumber = this.#next;
    this.#next++;
  }

  /** Starts a message. Never lengthens the previous one. */
  begin(header: number, length: number): Uint8Array<ArrayBuffer> {
    if (this.#begun) throw new Error("begin twice");
    if (this.held) throw new Error("begin while a key exchange holds messages back");
    // A slab holds old bytes, so fill it to reveal bytes left unwritten.
    this.#begun = new Uint8Array(header + length).fill(0xee);
    return this.#begun;
  }

  commit(): void {
    if (!this.#begun) throw new Error("commit without begin");
    this.payloads.push(this.#begun);
    this.pending += this.#begun.length;
    this.#next++;
    this.#begun = undefined;
  }

  take(): Uint8Array<ArrayBuffer>[] {
    this.pending = 0;
    return this.payloads.splice(0);
  }
}

/** Returns the value, which must be defined. */
export function the<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("expected a value, got undefined");
  return value;
}

/** Returns all pending events. */
export function drain(connection: Connection): ConnectionEvent[] {
  const events: ConnectionEvent[] = [];
  for (let event = connection.nextEvent(); event !== undefined; event = connection.nextEvent()) events.push(event);
  return events;
}

export interface SideOptions {
  readonly limits?: Partial<ConnectionLimits>;
  readonly allowed?: readonly string[];
}

/** One `Connection`, driven by hand-made messages. */
export class Side {
  readonly sink: FakeSink = new FakeSink();
  readonly connection: Connection;
  readonly time: { now: number | undefined } = { now: undefined };

  constructor(options: SideOptions = {}) {
    this.connection = new Connection({
      sink: this.sink,
      time: this.time,
      ...(options.limits && { limits: options.limits }),
      ...(options.allowed && { allowedChannelTypes: options.allowed }),
    });
  }

  /** Passes payloads to the connection and returns the events. */
  hears(...payloads: readonly Uint8Array<ArrayBuffer>[]): ConnectionEvent[] {
    const events = drain(this.connection);
    for (const payload of payloads) {
      this.connection.receive(payload);
      events.push(...drain(this.connection));
    }
    return events;
  }

  /** Returns all pending events. */
  events(): ConnectionEvent[] {
    return drain(this.connection);
  }

  /** Opens a session that the peer confirms under the number 100 plus ours. Removes our open from the sink. */
  session(confirmation: Partial<ChannelOpenConfirmation> = {}): number {
    const channel = this.connection.openChannel("session");
    this.hears(confirm(channel, confirmation));
    this.sink.take();
    return channel;
  }

  /** Opens sessions and lets the peer close them, until one has the number of a closed channel. */
  sessionNumbered(channel: number): void {
    for (let opened = this.session(); opened !== channel; opened = this.session())
      this.hears(SSH_MSG_CHANNEL_CLOSE.encode({ recipientChannel: opened }));
    this.sink.take();
  }

  /** Accepts a channel opened by the peer under its number `peer`. */
  accepts(peer: number, channelType = "session"): number {
    const [event] = this.hears(open(channelType, { senderChannel: peer }));
    if (event?.type !== "open-request") throw new Error("expected an open-request event");
    const channel = this.connection.answerOpen(event.token, true);
    if (channel === undefined) throw new Error("the channel was not opened");
    this.sink.take();
    return channel;
  }
}

export function confirm(channel: number, changes: Partial<ChannelOpenConfirmation> = {}): Uint8Array<ArrayBuffer> {
  return SSH_MSG_CHANNEL_OPEN_CONFIRMATION.encode({
    recipientChannel: channel,
    senderChannel: 100 + channel,
    initialWindowSize: 1000,
    maximumPacketSize: 100,
    data: NOTHING,
    ...changes,
  });
}

export function open(
  channelType: string,
  changes: Partial<{
    senderChannel: number;
    initialWindowSize: number;
    maximumPacketSize: number;
    data: Uint8Array;
  }> = {},
): Uint8Array<ArrayBuffer> {
  return SSH_MSG_CHANNEL_OPEN.encode({
    channelType,
    senderChannel: 7,
    initialWindowSize: 1000,
    maximumPacketSize: 100,
    data: NOTHING,
    ...changes,
  });
}

export function data(recipientChannel: number, length: number): Uint8Array<ArrayBuffer> {
  return SSH_MSG_CHANNEL_DATA.encode({ recipientChannel, data: new Uint8Array(length) });
}

export function adjust(recipientChannel: number, bytesToAdd: number): Uint8Array<ArrayBuffer> {
  return SSH_MSG_CHANNEL_WINDOW_ADJUST.encode({ recipientChannel, bytesToAdd });
}

/** Returns the error code of the "closed" event, which must be last; `undefined` without such an event. */
export function errorCode(events: readonly ConnectionEvent[]): string | undefined {
  const last = events.at(-1);
  const errors = events.filter((event) => event.type === "closed");
  if (errors.length > 1) throw new Error("expected at most one closed event");
  return last?.type === "closed" ? last.error.code : undefined;
}

/** Returns the code of the SshError that a call throws. */
export function thrownCode(call: () => unknown): string | undefined {
  try {
    call();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return undefined;
}

/** A client and a server connected in memory. */
export class Pair {
  readonly client: Side;
  readonly server: Side;

  constructor(options: { readonly client?: SideOptions; readonly server?: SideOptions } = {}) {
    this.client = new Side(options.client);
    this.server = new Side({ allowed: ["session"], ...options.server });
  }

  /** Carries messages in both directions until both queues are empty. Each side handles its events as they arrive. */
  run(
    onClient: (event: ConnectionEvent) => void = () => undefined,
    onServer: (event: ConnectionEvent) => void = () => undefined,
  ): void {
    for (;;) {
      const toServer = this.client.sink.take();
      this.client.connection.flush();
      const toClient = this.server.sink.take();
      this.server.connection.flush();
      for (const payload of toServer) this.server.connection.receive(payload);
      for (const payload of toClient) this.client.connection.receive(payload);
      const heardByServer = drain(this.server.connection);
      const heardByClient = drain(this.client.connection);
      for (const event of heardByServer) onServer(event);
      for (const event of heardByClient) onClient(event);
      if (toServer.length + toClient.length + heardByServer.length + heardByClient.length === 0) return;
    }
  }
}
