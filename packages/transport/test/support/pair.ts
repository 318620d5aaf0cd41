import { seededRandom } from "@nacre/testing/random";
import { toyAlgorithms, toyHostKey, toySign } from "@nacre/testing/toys";
import { Transport, type TransportEvent, type TransportOptions } from "@nacre/transport";
import type { SshError } from "@nacre/wire";

type Name = "client" | "server";

/** Options of a {@link Pair} that differ from its defaults. */
export interface PairOptions {
  readonly seed?: number;
  readonly client?: Partial<TransportOptions>;
  readonly server?: Partial<TransportOptions>;
  /** Called with the bytes in transit. Returns the chunks to deliver: changed, cut or fewer. */
  readonly tamper?: (from: Name, bytes: Uint8Array) => readonly Uint8Array[];
  /** Called with each event before it is handled. Return `true` to leave an ask open. */
  readonly onEvent?: (at: Name, event: TransportEvent) => boolean | void;
}

/** One end of a {@link Pair} with its events. */
export class End {
  readonly name: Name;
  readonly transport: Transport;
  readonly events: TransportEvent[] = [];

  constructor(name: Name, options: TransportOptions) {
    this.name = name;
    this.transport = new Transport(options);
  }

  eventsOf<T extends TransportEvent["type"]>(type: T): Extract<TransportEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<TransportEvent, { type: T }> => event.type === type);
  }

  get messages(): Uint8Array[] {
    return this.eventsOf("message").map(({ payload }) => payload);
  }

  /** Error that ended the connection, or `undefined`. */
  get error(): SshError | undefined {
    return this.eventsOf("closed")[0]?.error;
  }
}

/** A client and a server connected in memory. */
export class Pair {
  readonly client: End;
  readonly server: End;
  readonly #options: PairOptions;

  constructor(options: PairOptions = {}) {
    this.#options = options;
    const seed = options.seed ?? 1;
    const common = { softwareVersion: "Test", algorithms: toyAlgorithms };
    this.client = new End("client", { ...common, role: "client", random: seededRandom(seed), ...options.client });
    this.server = new End("server", {
      ...common,
      role: "server",
      random: seededRandom(seed + 1000),
      hostKeys: [toyHostKey()],
      ...options.server,
    });
  }

  /** Starts both sides and carries bytes until neither has output. */
  connect(now = 0): this {
    this.client.transport.start(now);
    this.server.transport.start(now);
    return this.pump();
  }

  /** Carries bytes in both directions until neither side has output. */
  pump(): this {
    let moved = true;
    while (moved) {
      this.drain(this.client);
      this.drain(this.server);
      moved = this.carry(this.client, this.server);
      moved = this.carry(this.server, this.client) || moved;
    }
    return this;
  }

  tick(now: number): this {
    this.client.transport.tick(now);
    this.server.transport.tick(now);
    return this;
  }

  carry(from: End, to: End): boolean {
    let moved = false;
    for (const bytes of from.transport.takeOutput()) {
      moved = true;
      for (const piece of this.#options.tamper?.(from.name, bytes) ?? [bytes]) to.transport.receive(piece);
    }
    return moved;
  }

  /** Takes all events of one end. Accepts every host key and signs every exchange hash. */
  drain(end: End): void {
    for (let event = end.transport.nextEvent(); event !== undefined; event = end.transport.nextEvent()) {
      end.events.push(event);
      if (this.#options.onEvent?.(end.name, event) === true) continue;
      if (event.type === "verify-host-key") end.transport.answerHostKey(event.token, true);
      if (event.type === "sign-exchange-hash")
        end.transport.answerSignature(event.token, toySign(event.algorithm, event.hostKey.blob, event.data));
    }
  }

  /** Moves both sides to the connection protocol, in which most messages are allowed. */
  enterConnection(): this {
    this.client.transport.enterConnection();
    this.server.transport.enterConnection();
    return this;
  }
}
