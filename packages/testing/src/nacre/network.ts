import { SshError } from "@nacre/wire";
import { type Duplex, type DuplexHandler, type ServeOptions, type ServerConnection, type Session, serve } from "nacre";
import { macrotask } from "../macrotask.ts";
import { open } from "./wire.ts";

/** What a network does with bytes and new connections. */
export type NetworkState =
  | "up"
  /** Connections break, and new ones are refused. */
  | "down"
  /** Everything is lost without a word. */
  | "silent";

/** A network in memory between clients and one server. Counts what it has to do. */
export class Network {
  state: NetworkState = "up";
  /** Number of attempts to connect. */
  attempts = 0;
  /** The server's connections, in their order. */
  readonly served: ServerConnection[] = [];
  /** Serves a connection; by default with the server's options. */
  serve: (far: Duplex) => void = (far) => void this.served.push(serve(far, { ...open, ...this.#options }));
  readonly #wires = new Set<Wire>();

  readonly #options: Partial<ServeOptions<Session>>;

  /** `options` are those of the server. */
  constructor(options: Partial<ServeOptions<Session>> = {}) {
    this.#options = options;
  }

  /** Number of byte connections that a client has not closed. */
  get unclosed(): number {
    return [...this.#wires].filter(({ near }) => !near.isClosed).length;
  }

  /** Connects, as TCP does. Waits for ever on a silent network. */
  async connect(signal?: AbortSignal): Promise<Duplex> {
    this.attempts++;
    if (this.state === "down") throw new SshError("connection-failed", "connection refused");
    if (this.state === "silent") await aborted(signal);
    const wire = new Wire(this);
    this.#wires.add(wire);
    this.serve(wire.far);
    return wire.near;
  }

  /** Breaks all connections. The network is down until `state` changes. */
  cut(): void {
    this.state = "down";
    for (const wire of this.#wires) wire.break();
  }
}

function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(new SshError("aborted", "aborted")));
  });
}

class Wire {
  readonly near: End;
  readonly far: End;

  constructor(network: Network) {
    const isUp = (): boolean => network.state === "up";
    this.near = new End(isUp);
    this.far = new End(isUp);
    this.near.peer = this.far;
    this.far.peer = this.near;
  }

  break(): void {
    for (const end of [this.near, this.far]) end.break();
  }
}

/** One end of a byte connection. */
class End implements Duplex {
  peer!: End;
  isClosed = false;
  readonly #isUp: () => boolean;
  #handler: DuplexHandler | undefined;
  #isPaused = false;
  #input: (() => void)[] = [];

  constructor(isUp: () => boolean) {
    this.#isUp = isUp;
  }

  open(handler: DuplexHandler): void {
    this.#handler = handler;
    queueMicrotask(() => this.#deliver());
  }

  write(pieces: readonly Uint8Array[]): boolean {
    for (const piece of pieces) {
      const bytes = piece.slice();
      this.#send((peer) => peer.#handler?.data(bytes));
    }
    return true;
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    queueMicrotask(() => this.#deliver());
  }

  async end(): Promise<void> {
    this.#send((peer) => peer.#handler?.ended());
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#handler = undefined;
    this.#send((peer) => peer.#handler?.ended());
  }

  break(): void {
    const handler = this.#handler;
    this.#handler = undefined;
    handler?.failed(new Error("the network is down"));
  }

  #send(event: (peer: End) => void): void {
    if (!this.#isUp()) return;
    const { peer } = this;
    peer.#input.push(() => event(peer));
    queueMicrotask(() => peer.#deliver());
  }

  #deliver(): void {
    while (!this.#isPaused && this.#handler !== undefined) {
      const event = this.#input.shift();
      if (event === undefined) return;
      event();
    }
  }
}

/** Lets everything happen that needs no time. */
export async function settle(rounds = 40): Promise<void> {
  for (let i = 0; i < rounds; i++) await macrotask();
}
