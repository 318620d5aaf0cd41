import { Connection } from "@nacre/connection";
import { type Bytes, concatBytes, Reader, Writer } from "@nacre/wire";
import type { Duplex, DuplexHandler } from "nacre";
import { FrameReader } from "../../src/shared/frames.ts";

/** Message types of a master (PROTOCOL.mux §11, and mux.c for proxy mode and "info"). */
export const MUX = {
  HELLO: 0x00000001,
  TERMINATE: 0x10000005,
  OPEN_FORWARD: 0x10000006,
  PROXY_REQUEST: 0x1000000f,
  OK: 0x80000001,
  DENIED: 0x80000002,
  FAILURE: 0x80000003,
  ALIVE: 0x80000005,
  REMOTE_PORT: 0x80000007,
  PROXY: 0x8000000f,
  INFO: 0x90000001,
} as const;

/** Returns a message with its length field. */
export const framed = (message: Uint8Array): Bytes => new Writer().string(message).finish();

/** Returns a message of uint32 fields, and of strings after them, with its length field. */
export function muxMessage(numbers: readonly number[], ...strings: readonly string[]): Bytes {
  const writer = new Writer();
  for (const number of numbers) writer.uint32(number);
  for (const string of strings) writer.string(string);
  return framed(writer.finish());
}

export const HELLO = muxMessage([MUX.HELLO, 4]);

/** A master without a socket. It answers each message with the next entry of a script, and records what it gets. */
export class FakeMaster implements Duplex {
  handler!: DuplexHandler;
  isClosed = false;
  /** Messages of the client, without their length fields. */
  readonly messages: Bytes[] = [];
  readonly #frames = new FrameReader();
  readonly #answers: ((id: number) => Uint8Array | undefined)[];
  /** Called with each message after the script. */
  onPacket: (frame: Bytes) => void = () => {};

  constructor(...answers: readonly ((id: number) => Uint8Array | undefined)[]) {
    this.#answers = [...answers];
  }

  open(handler: DuplexHandler): void {
    this.handler = handler;
  }

  write(pieces: readonly Bytes[]): boolean {
    this.#frames.push(concatBytes(...pieces));
    for (let message = this.#frames.next(); message !== undefined; message = this.#frames.next()) this.#take(message);
    return true;
  }

  #take(message: Bytes): void {
    this.messages.push(message);
    const answer = this.#answers.shift();
    if (answer === undefined) return this.onPacket(message);
    const reader = new Reader(message, "message");
    reader.uint32("type");
    const bytes = answer(reader.remaining >= 4 ? reader.uint32("id") : 0);
    if (bytes !== undefined) this.send(bytes);
  }

  /** Sends bytes to the client, after its call returns. */
  send(bytes: Uint8Array): void {
    void Promise.resolve().then(() => this.handler.data(bytes));
  }

  pause(): void {}
  resume(): void {}
  end(): Promise<void> {
    return Promise.resolve();
  }
  close(): Promise<void> {
    this.isClosed = true;
    return Promise.resolve();
  }
}

export const hello = (): Uint8Array => HELLO;
export const proxies = (id: number): Uint8Array => muxMessage([MUX.PROXY, id]);

/** Returns a packet with its length field. */
export const packet = (payload: Uint8Array, padding = 0): Bytes => framed(concatBytes(Uint8Array.of(padding), payload));

/** The server's side of the connection that a fake master shares, and the packets that it sends to the client. */
export function serverBehind(master: FakeMaster): {
  readonly connection: Connection;
  flush: (deliver?: (bytes: Bytes) => void) => void;
} {
  const output: Bytes[] = [];
  let begun: Bytes = new Uint8Array(0);
  const connection = new Connection({
    allowedChannelTypes: ["session", "direct-tcpip"],
    sink: {
      write: (payload) => void output.push(packet(payload)),
      begin: (header, length) => (begun = new Uint8Array(header + length)),
      commit: () => void output.push(packet(begun)),
      pending: 0,
      held: false,
      turnOver: false,
    },
  });
  master.onPacket = (frame) => connection.receive(frame.subarray(1));
  const flush = (deliver = (bytes: Bytes): void => master.handler.data(bytes)): void => {
    if (output.length > 0) deliver(concatBytes(...output.splice(0)));
  };
  return { connection, flush };
}
