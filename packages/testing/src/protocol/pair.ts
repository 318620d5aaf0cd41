import { aes128Ctr, aes256Gcm, chacha20Poly1305, hmacSha256Etm } from "@nacre/ciphers";
import { curve25519Sha256 } from "@nacre/kex";
import { ed25519, generateEd25519, type PrivateKey, rsaSha2_256, rsaSha2_512, sha256Fingerprint } from "@nacre/keys";
import { ClientProtocol, type ClientProtocolEvent, type ClientProtocolOptions, clientMethods } from "@nacre/protocol";
import type { TransportAlgorithms } from "@nacre/transport";
import type { SshError } from "@nacre/wire";
import { seededRandom } from "../random.ts";
import { TestServer, type TestServerOptions } from "./server.ts";

export const algorithms: TransportAlgorithms = {
  kex: [curve25519Sha256],
  hostKeys: [ed25519, rsaSha2_512, rsaSha2_256],
  ciphers: [chacha20Poly1305, aes256Gcm, aes128Ctr],
  macs: [hmacSha256Etm],
};

export const userKey: PrivateKey = generateEd25519(seededRandom(11));
export const hostKey: PrivateKey = generateEd25519(seededRandom(12));

/** Default options of a test client. Pass a `random` of its own. */
export const clientOptions: Omit<ClientProtocolOptions, "random"> = {
  algorithms,
  userName: "alice",
  identities: [{ publicKey: userKey.publicKey, privateKey: userKey }],
  fingerprint: sha256Fingerprint,
  password: false,
  keyboardInteractive: false,
  loginMethods: clientMethods,
};

export interface PairOptions {
  readonly client?: Partial<ClientProtocolOptions>;
  readonly server?: Partial<TestServerOptions>;
  /** Replaces the bytes in transit. */
  readonly tamper?: (from: "client" | "server", bytes: Uint8Array) => readonly Uint8Array[];
  /** Called first for each event. If it returns `true`, the pair does not answer the event. */
  readonly onEvent?: (event: ClientProtocolEvent) => boolean | void;
  readonly now?: number;
}

/** Protocol machine of a client and a server, connected in memory. */
export class ProtocolPair {
  readonly client: ClientProtocol;
  readonly server: TestServer;
  readonly events: ClientProtocolEvent[] = [];
  /** Flights so far. A flight is all bytes that one side sends before the other side sends. */
  readonly flights: { readonly from: "client" | "server"; readonly bytes: number }[] = [];
  readonly #options: PairOptions;

  constructor(options: PairOptions = {}) {
    this.#options = options;
    this.client = new ClientProtocol({
      ...clientOptions,
      random: seededRandom(1),
      ...options.client,
    });
    this.server = new TestServer({ algorithms, random: seededRandom(2), hostKey, ...options.server });
  }

  start(): this {
    const now = this.#options.now ?? 0;
    this.client.start(now);
    this.server.transport.start(now);
    return this.pump();
  }

  /** Moves bytes until neither side has more output. */
  pump(): this {
    let moved = true;
    while (moved) {
      this.drain();
      this.server.turn();
      const sent = this.#carry(
        "client",
        () => this.client.takeOutput(),
        (bytes) => this.server.transport.receive(bytes),
      );
      this.server.turn();
      const answered = this.#carry(
        "server",
        () => this.server.transport.takeOutput(),
        (bytes) => this.client.receive(bytes),
      );
      moved = sent || answered;
    }
    return this;
  }

  drain(): void {
    for (let event = this.client.nextEvent(); event !== undefined; event = this.client.nextEvent()) {
      this.events.push(event);
      if (this.#options.onEvent?.(event) === true) continue;
      if (event.type === "verify-host-key") this.client.answerHostKey(event.token, true);
      if (event.type === "data") this.client.connection.consumed(event.channel, event.data.length);
    }
  }

  eventsOf<T extends ClientProtocolEvent["type"]>(type: T): Extract<ClientProtocolEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<ClientProtocolEvent, { type: T }> => event.type === type);
  }

  get error(): SshError | undefined {
    return this.eventsOf("closed")[0]?.error;
  }

  #carry(from: "client" | "server", take: () => readonly Uint8Array[], give: (bytes: Uint8Array) => void): boolean {
    let length = 0;
    for (const bytes of take()) {
      length += bytes.length;
      for (const piece of this.#options.tamper?.(from, bytes) ?? [bytes]) give(piece);
    }
    if (length > 0) this.flights.push({ from, bytes: length });
    return length > 0;
  }
}
