import { EventEmitter } from "node:events";
import { Duplex as NodeDuplex } from "node:stream";
import { fingerprint } from "@nacre/keys";
import { AttackPeer, type Target } from "@nacre/testing/attacks/attack-peer";
import * as message from "@nacre/testing/attacks/messages";
import { algorithms, hostKey } from "@nacre/testing/attacks/protocol-target";
import { seededRandom } from "@nacre/testing/random";
import {
  CHANNEL_OPEN_FAILURE_REASON,
  concatBytes,
  SSH_MSG_CHANNEL_CLOSE,
  SSH_MSG_CHANNEL_DATA,
  SSH_MSG_CHANNEL_EOF,
  SSH_MSG_CHANNEL_EXTENDED_DATA,
  SSH_MSG_CHANNEL_FAILURE,
  SSH_MSG_CHANNEL_OPEN,
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION,
  SSH_MSG_CHANNEL_OPEN_FAILURE,
  SSH_MSG_CHANNEL_REQUEST,
  SSH_MSG_CHANNEL_SUCCESS,
  SSH_MSG_CHANNEL_WINDOW_ADJUST,
  SSH_MSG_GLOBAL_REQUEST,
  SSH_MSG_REQUEST_FAILURE,
  SSH_MSG_REQUEST_SUCCESS,
} from "@nacre/wire";
import { clientMethods, type Duplex, type DuplexHandler, encodeTerminalModes, logIn } from "nacre/extend";
import { takeThrown } from "../../src/call-program.ts";
import type { ClientConnection, ForwardedAgent } from "../../src/client/client-connection.ts";
import {
  type ConnectionMux,
  connectionBegins,
  connectionClosed,
  connectionReady,
  DEBUG,
  MUX,
} from "../../src/connection.ts";

/** A client's side of channels, without sockets. `_sock` only says whether it is open. */
export class FakeClient extends EventEmitter implements ClientConnection {
  [MUX]: ConnectionMux | undefined;
  readonly [DEBUG] = undefined;
  config: ClientConnection["config"] = {};
  _sock: NodeDuplex | undefined;
  _agent: ForwardedAgent | undefined;
  _remoteVer: string | undefined = "OpenSSH_10.0";
  _forwarding: Record<string, number> | undefined;
  _forwardingUnix: Record<string, true> | undefined;
  _acceptX11: number | undefined;
  _agentFwdEnabled: boolean | undefined;
}

/** Messages of a server, by our number of the channel. */
export const server = {
  confirm: (id: number, change: Parameters<typeof message.channelConfirmation>[1] = {}): Uint8Array =>
    message.channelConfirmation(id, change),
  refuse: (id: number, description = "no"): Uint8Array =>
    SSH_MSG_CHANNEL_OPEN_FAILURE.encode({
      recipientChannel: id,
      reasonCode: CHANNEL_OPEN_FAILURE_REASON.CONNECT_FAILED,
      description,
      languageTag: "",
    }),
  success: (id: number): Uint8Array => SSH_MSG_CHANNEL_SUCCESS.encode({ recipientChannel: id }),
  failure: (id: number): Uint8Array => SSH_MSG_CHANNEL_FAILURE.encode({ recipientChannel: id }),
  data: (id: number, text: string | Uint8Array): Uint8Array =>
    SSH_MSG_CHANNEL_DATA.encode({ recipientChannel: id, data: Buffer.from(text as string) }),
  errors: (id: number, text: string): Uint8Array =>
    SSH_MSG_CHANNEL_EXTENDED_DATA.encode({ recipientChannel: id, dataTypeCode: 1, data: Buffer.from(text) }),
  eof: (id: number): Uint8Array => SSH_MSG_CHANNEL_EOF.encode({ recipientChannel: id }),
  close: (id: number): Uint8Array => SSH_MSG_CHANNEL_CLOSE.encode({ recipientChannel: id }),
  adjust: message.channelAdjust,
  request: (id: number, requestType: string, data: Uint8Array, wantReply = false): Uint8Array =>
    SSH_MSG_CHANNEL_REQUEST.encode({ recipientChannel: id, requestType, wantReply, data }),
  open: message.channelOpen,
  granted: (data: Uint8Array = new Uint8Array(0)): Uint8Array => SSH_MSG_REQUEST_SUCCESS.encode({ data }),
  denied: (): Uint8Array => SSH_MSG_REQUEST_FAILURE.encode({}),
};

/** A message of the client, decoded. */
export type Sent = { readonly message: string } & Record<string, unknown>;

const CODECS = [
  ["open", SSH_MSG_CHANNEL_OPEN],
  ["confirmation", SSH_MSG_CHANNEL_OPEN_CONFIRMATION],
  ["refusal", SSH_MSG_CHANNEL_OPEN_FAILURE],
  ["request", SSH_MSG_CHANNEL_REQUEST],
  ["data", SSH_MSG_CHANNEL_DATA],
  ["errors", SSH_MSG_CHANNEL_EXTENDED_DATA],
  ["eof", SSH_MSG_CHANNEL_EOF],
  ["close", SSH_MSG_CHANNEL_CLOSE],
  ["global", SSH_MSG_GLOBAL_REQUEST],
  ["adjust", SSH_MSG_CHANNEL_WINDOW_ADJUST],
] as const;

/** A client that is logged in to a scripted server. What the server sends in one call arrives in one turn. */
export class Script implements Target {
  readonly client = new FakeClient();
  /** What listeners and callbacks threw. With a client of the package, the first would end the connection. */
  readonly thrown: unknown[] = [];
  readonly peer: AttackPeer;
  #handler!: DuplexHandler;
  #output: Uint8Array[] = [];
  #read: number;
  readonly #login: ReturnType<typeof logIn>;

  constructor() {
    const duplex: Duplex = {
      open: (handler) => {
        this.#handler = handler;
      },
      write: (pieces) => {
        this.#output.push(...pieces.map((piece) => piece.slice()));
        return true;
      },
      pause() {},
      resume() {},
      end: async () => {},
      close: async () => {},
    };
    this.client._sock = new NodeDuplex({ read() {}, write: (_chunk, _encoding, done) => done() });
    takeThrown(this.client, (thrown) => this.thrown.push(thrown) > 0);
    connectionBegins(this.client);
    this.#login = logIn(duplex, {
      user: "alice",
      hostKey: () => true,
      algorithms,
      fingerprint: (blob) => fingerprint(blob, "sha256"),
      loginMethods: clientMethods,
      methods: ["none"],
      encodeModes: encodeTerminalModes,
      random: seededRandom(7),
      earlyChannel: false,
    });
    this.peer = new AttackPeer(this, { role: "server", hostKey });
    this.#read = 0;
  }

  /** Logs in. */
  static async begin(): Promise<Script> {
    const script = new Script();
    script.peer.take().identify().init();
    await turn();
    script.peer.take().reply().newKeys();
    await turn();
    script.peer.take().send(message.serviceAccept);
    await turn();
    script.peer.take().send(message.authSuccess);
    script.client[MUX] = (await script.#login).driver.mux;
    script.peer.take();
    script.#read = script.peer.received.length;
    connectionReady(script.client);
    return script;
  }

  deliver(bytes: Uint8Array): void {
    this.#handler.data(bytes);
  }

  takeOutput(): Uint8Array | undefined {
    return this.#output.shift();
  }

  /** Delivers messages in one piece, and waits until all callbacks have run. */
  async receive(...messages: readonly Uint8Array[]): Promise<void> {
    this.deliver(concatBytes(...messages.map((payload) => this.peer.seal(payload))));
    await turn();
  }

  /** Returns the messages that the client has sent since the last call. */
  async sent(): Promise<Sent[]> {
    await turn();
    const received = this.peer.take().received.slice(this.#read);
    this.#read += received.length;
    return received.map((payload) => {
      const codec = CODECS.find(([, { number }]) => number === payload[0]);
      if (codec === undefined) return { message: String(payload[0]) };
      return { message: codec[0], ...codec[1].decode(payload) };
    });
  }

  /** Breaks the byte connection, then emits "close" as a client does. */
  async lose(): Promise<void> {
    this.#handler.failed(new Error("lost"));
    await turn();
    this.client[MUX] = undefined;
    this.client._sock?.destroy();
    this.client.emit("close");
    connectionClosed(this.client);
    await turn();
  }
}

/** Waits for the pending turns and events. */
export async function turn(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise(setImmediate);
}

/** Records the events of emitters. */
export class Log {
  readonly events: unknown[][] = [];

  readonly add = (...values: unknown[]): void => {
    this.events.push(values);
  };

  /** Records events of an emitter under a name. */
  watch(name: string, emitter: EventEmitter, ...events: readonly string[]): void {
    for (const event of events)
      emitter.on(event, (...values: unknown[]) =>
        this.add(`${name} ${event}`, ...values.map((value) => (Buffer.isBuffer(value) ? value.toString() : value))),
      );
  }

  /** Returns the names of the events. */
  get names(): unknown[] {
    return this.events.map(([name]) => name);
  }
}

/** Returns what a message has of an error. */
export const told = (error: unknown): unknown => (error instanceof Error ? error.message : error);
