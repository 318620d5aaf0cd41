import { seededRandom } from "@nacre/testing/random";
import { toyAlgorithms, toyHostKey, toySign } from "@nacre/testing/toys";
import { Transport, type TransportEvent, type TransportOptions } from "@nacre/transport";
import type { SshError } from "@nacre/wire";

type Name = "client" | "server";

/** What a test wants to be otherwise than usual. */
export interface PairOptions {
  readonly seed?: number;
  readonly client?: Partial<TransportOptions>;
  readonly server?: Partial<TransportOptions>;
  /** Bytes on their way, which may be changed, cut or swallowed. */
  readonly tamper?: (from: Name, bytes: Uint8Array) => readonly Uint8Array[];
  /** Sees each event before it is kept; `true`: leave the ask open. */
  readonly onEvent?: (at: Name, event: TransportEvent) => boolean | void;
}

/** One end of a {@link Pair} with what it has told. */
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

  /** Why it ended, or `undefined`. */
  get error(): SshError | undefined {
    return this.eventsOf("closed")[0]?.error;
  }
}

/** A client and a server wired to each other in memory. */
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

  /** Starts both and lets them talk until neither has more to say. */
  connect(now = 0): this {
    this.client.transport.start(now);
    this.server.transport.start(now);
    return this.pump();
  }

  /** Lets bytes flow until neither side has more to say. */
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
    for (let bytes = from.transport.takeOutput(); bytes !== undefined; bytes = from.transport.takeOutput()) {
      moved = true;
      for (const piece of this.#options.tamper?.(from.name, bytes) ?? [bytes]) to.transport.receive(piece);
    }
    return moved;
  }

  /** Takes all events of one end, and answers asks as a trusting client and an honest server do. */
  drain(end: End): void {
    for (let event = end.transport.nextEvent(); event !== undefined; event = end.transport.nextEvent()) {
      end.events.push(event);
      if (this.#options.onEvent?.(end.name, event) === true) continue;
      if (event.type === "verify-host-key") end.transport.answerHostKey(event.token, true);
      if (event.type === "sign-exchange-hash")
        end.transport.answerSignature(event.token, toySign(event.algorithm, event.hostKey.blob, event.data));
    }
  }

  /** Both have come to the connection protocol, where most messages may be sent. */
  enterConnection(): this {
    this.client.transport.enterConnection();
    this.server.transport.enterConnection();
    return this;
  }
}
