import { defaultSignatureAlgorithms } from "@nacre/keys";
import {
  ClientProtocol,
  type ClientProtocolEvent,
  type ClientProtocolOptions,
  ServerProtocol,
  type ServerProtocolEvent,
  type ServerProtocolOptions,
  serverMethods,
} from "@nacre/protocol";
import { execRequest, type SshError } from "@nacre/wire";
import { seededRandom } from "../random.ts";
import { algorithms, clientOptions, hostKey } from "./pair.ts";

/** Default options of a test server. */
export const serverOptions: ServerProtocolOptions = {
  algorithms,
  random: seededRandom(2),
  hostKeys: [{ publicKey: hostKey.publicKey, privateKey: hostKey }],
  loginMethods: serverMethods,
  methods: ["publickey"],
  userKeys: defaultSignatureAlgorithms,
};

export interface ServerPairOptions {
  readonly client?: Partial<ClientProtocolOptions>;
  readonly server?: Partial<ServerProtocolOptions>;
  /** Called first for each event. If it returns `true`, the pair does not answer the event. */
  readonly onServer?: (event: ServerProtocolEvent, server: ServerProtocol) => boolean | void;
  readonly onClient?: (event: ClientProtocolEvent, client: ClientProtocol) => boolean | void;
}

/**
 * Protocol machines of a client and a server, connected in memory. Requests that a test does not answer are granted: keys, channels and
 * commands. A command prints itself.
 */
export class ServerPair {
  readonly client: ClientProtocol;
  readonly server: ServerProtocol;
  readonly clientEvents: ClientProtocolEvent[] = [];
  readonly events: ServerProtocolEvent[] = [];
  readonly #options: ServerPairOptions;
  #now = 0;

  constructor(options: ServerPairOptions = {}) {
    this.#options = options;
    this.client = new ClientProtocol({
      ...clientOptions,
      random: seededRandom(1),
      ...options.client,
    });
    this.server = new ServerProtocol({ ...serverOptions, random: seededRandom(2), ...options.server });
  }

  start(): this {
    this.client.start(this.#now);
    this.server.start(this.#now);
    return this.pump();
  }

  /** Advances the clock of both sides. */
  pass(milliseconds: number): this {
    this.#now += milliseconds;
    this.client.tick(this.#now);
    this.server.tick(this.#now);
    return this.pump();
  }

  /** Moves bytes until neither side has more output. */
  pump(): this {
    let moved = true;
    while (moved) {
      this.#drainClient();
      this.#drainServer();
      moved = false;
      for (const bytes of this.client.takeOutput()) {
        this.server.receive(bytes);
        moved = true;
      }
      this.#drainServer();
      for (const bytes of this.server.takeOutput()) {
        this.client.receive(bytes);
        moved = true;
      }
    }
    return this;
  }

  eventsOf<T extends ServerProtocolEvent["type"]>(type: T): Extract<ServerProtocolEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<ServerProtocolEvent, { type: T }> => event.type === type);
  }

  clientEventsOf<T extends ClientProtocolEvent["type"]>(type: T): Extract<ClientProtocolEvent, { type: T }>[] {
    return this.clientEvents.filter((event): event is Extract<ClientProtocolEvent, { type: T }> => event.type === type);
  }

  /** Returns the last server event of this type. Throws if there is none. */
  lastEvent<T extends ServerProtocolEvent["type"]>(type: T): Extract<ServerProtocolEvent, { type: T }> {
    const event = this.eventsOf(type).at(-1);
    if (event === undefined)
      throw new Error(`missing event; the server emitted only ${this.events.map(({ type }) => type).join()}`);
    return event;
  }

  /** Error that ended the connection, as the server saw it. */
  get error(): SshError | undefined {
    return this.eventsOf("closed")[0]?.error;
  }

  get clientError(): SshError | undefined {
    return this.clientEventsOf("closed")[0]?.error;
  }

  #drainClient(): void {
    for (let event = this.client.nextEvent(); event !== undefined; event = this.client.nextEvent()) {
      this.clientEvents.push(event);
      if (this.#options.onClient?.(event, this.client) === true) continue;
      if (event.type === "verify-host-key") this.client.answerHostKey(event.token, true);
      if (event.type === "data") this.client.connection.consumed(event.channel, event.data.length);
    }
  }

  #drainServer(): void {
    for (let event = this.server.nextEvent(); event !== undefined; event = this.server.nextEvent()) {
      this.events.push(event);
      if (this.#options.onServer?.(event, this.server) !== true) this.#grant(event);
    }
  }

  #grant(event: ServerProtocolEvent): void {
    const { connection } = this.server;
    switch (event.type) {
      case "query":
        this.server.auth.answer(event.token, true);
        return;
      case "publickey":
        this.server.auth.answer(event.token, "success");
        return;
      case "open-request":
        connection.answerOpen(event.token, true);
        return;
      case "channel-request":
        if (event.requestType !== "exec") return;
        if (event.token !== undefined) connection.answerRequest(event.token, true);
        connection.write(event.channel, execRequest.decode(event.data).command);
        connection.request(event.channel, "exit-status", Uint8Array.of(0, 0, 0, 0), { wantReply: false });
        connection.sendEof(event.channel);
        connection.close(event.channel);
        return;
      case "data":
        connection.consumed(event.channel, event.data.length);
        return;
      case "global-request":
        if (event.token !== undefined) connection.answerGlobal(event.token, false);
        return;
      default:
    }
  }
}
