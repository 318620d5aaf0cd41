import { Connection, type ConnectionLimits } from "@nacre/connection";
import { ClientSession, type ClientSessionEvent, clientMethods } from "@nacre/session";
import { seededRandom } from "@nacre/testing/random";
import { userKey } from "@nacre/testing/session/pair";
import type { Bytes, SshError } from "@nacre/wire";
import type { ByteStreams, ChannelHandler } from "nacre";
import { defaultAlgorithms } from "nacre/defaults";
import { type Duplex, webDuplex } from "../../src/mux/duplex.ts";
import type { DrivenMachine } from "../../src/mux/engine.ts";
import { Mux, type MuxHandlers, type MuxSide, type OpenHandler } from "../../src/mux/mux.ts";

export type Side = MuxSide<ClientSessionEvent>;
export type TestMux = Mux<ClientSessionEvent, Side>;

const NO_HANDLERS: MuxHandlers<Side> = { channels: {}, globalRequests: {} };

/** Ignores every event of a channel. */
export const deaf: ChannelHandler = { data() {}, writable() {}, eof() {}, request() {}, closed() {} };

/** Ignores the outcome of an open. */
export const unopened: OpenHandler = { opened() {}, refused() {}, lost() {} };

/** Makes the mux of a client that logs in with the test key over a pair of streams. Accepts every host key. */
export function clientMux(streams: ByteStreams): TestMux {
  const machine = new ClientSession({
    algorithms: defaultAlgorithms,
    random: seededRandom(5),
    userName: "alice",
    identities: [{ publicKey: userKey.publicKey, privateKey: userKey }],
    password: false,
    keyboardInteractive: false,
    loginMethods: clientMethods,
  });
  const side: Side = {
    event(event) {
      if (event.type === "verify-host-key") machine.answerHostKey(event.token, true);
    },
    refused() {},
    closed() {},
  };
  return new Mux<ClientSessionEvent, Side>(webDuplex(streams), machine, side, NO_HANDLERS);
}

/** A mux over a connection without a transport. Takes the peer's messages and records the messages sent. */
export interface LooseMux {
  readonly mux: TestMux;
  /** Handles messages of the peer in one turn. */
  receive(this: void, ...payloads: readonly Uint8Array[]): void;
  /** Ends the connection. */
  lose(this: void, error: SshError): void;
  /** Messages sent, oldest first. */
  readonly sent: readonly Uint8Array[];
  /** Names of refused channel opens and global requests. */
  readonly refused: readonly string[];
  readonly ends: readonly SshError[];
}

export function looseMux(handlers: Partial<MuxHandlers<Side>> = {}, limits: Partial<ConnectionLimits> = {}): LooseMux {
  const sent: Uint8Array[] = [];
  let draft: Bytes = new Uint8Array(0);
  const connection = new Connection({
    limits,
    sink: {
      write: (payload) => void sent.push(payload.slice()),
      begin: (header, length) => (draft = new Uint8Array(header + length)),
      commit: () => void sent.push(draft),
      pending: 0,
      held: false,
      turnOver: false,
    },
  });
  const inbox: Bytes[] = [];
  let end: SshError | undefined;
  const machine: Partial<DrivenMachine<ClientSessionEvent>> = {
    connection,
    wantsInput: true,
    tick() {},
    takeOutput: () => [],
    deadline: () => undefined,
    disconnect: (error) => {
      end = error;
    },
    nextEvent() {
      for (;;) {
        const event = connection.nextEvent();
        if (event !== undefined) return event;
        const payload = inbox.shift();
        if (payload === undefined) return end && { type: "closed", error: end };
        connection.receive(payload);
      }
    },
  };
  const duplex: Partial<Duplex> = { write: () => true, pause() {}, resume() {}, close: () => Promise.resolve() };
  const refused: string[] = [];
  const ends: SshError[] = [];
  const side: Side = {
    event() {},
    refused: (name) => void refused.push(name),
    closed: (error) => void ends.push(error),
  };
  const mux: TestMux = new Mux<ClientSessionEvent, Side>(
    duplex as Duplex,
    machine as DrivenMachine<ClientSessionEvent>,
    side,
    { ...NO_HANDLERS, ...handlers },
  );
  for (const channelType of Object.keys(handlers.channels ?? {})) connection.allow(channelType);
  return {
    mux,
    receive(...payloads) {
      inbox.push(...(payloads as readonly Bytes[]));
      mux.engine.turn();
    },
    lose: (error) => mux.engine.fail(error),
    sent,
    refused,
    ends,
  };
}
