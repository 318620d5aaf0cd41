import { Connection, type ConnectionLimits } from "@nacre/connection";
import { ClientProtocol, type ClientProtocolEvent, clientMethods } from "@nacre/protocol";
import { userKey } from "@nacre/testing/protocol/pair";
import { seededRandom } from "@nacre/testing/random";
import type { Bytes, SshError } from "@nacre/wire";
import type { ByteStreams, ChannelHandler } from "nacre";
import { defaultAlgorithms } from "nacre/defaults";
import { type Duplex, webDuplex } from "../../src/mux/duplex.ts";
import type { DrivenMachine } from "../../src/mux/engine.ts";
import {
  type ChannelAcceptor,
  type GlobalRequestHandler,
  Mux,
  type MuxSide,
  type OpenHandler,
} from "../../src/mux/mux.ts";

export type Side = MuxSide<ClientProtocolEvent>;
export type TestMux = Mux<ClientProtocolEvent>;

/** Handlers of the peer's channel opens by type, and of its global requests by name. */
interface Handlers {
  readonly channels?: Readonly<Record<string, ChannelAcceptor>>;
  readonly globalRequests?: Readonly<Record<string, GlobalRequestHandler>>;
}

/** Ignores every event of a channel. */
export const deaf: ChannelHandler = { data() {}, writable() {}, eof() {}, request() {}, closed() {} };

/** Ignores the outcome of an open. */
export const unopened: OpenHandler = { opened() {}, refused() {}, lost() {} };

/** Makes the mux of a client that logs in with the test key over a pair of streams. Accepts every host key. */
export function clientMux(streams: ByteStreams): TestMux {
  const machine = new ClientProtocol({
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
  return new Mux<ClientProtocolEvent>(webDuplex(streams), machine, side);
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

export function looseMux(
  { channels = {}, globalRequests = {} }: Handlers = {},
  limits: Partial<ConnectionLimits> = {},
): LooseMux {
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
  const machine: Partial<DrivenMachine<ClientProtocolEvent>> = {
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
  const mux: TestMux = new Mux<ClientProtocolEvent>(
    duplex as Duplex,
    machine as DrivenMachine<ClientProtocolEvent>,
    side,
  );
  for (const [channelType, acceptor] of Object.entries(channels)) mux.accept(channelType, acceptor);
  for (const [requestName, handler] of Object.entries(globalRequests)) mux.onGlobalRequest(requestName, handler);
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
