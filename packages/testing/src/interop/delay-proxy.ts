import { connect as connectSocket, createServer, type Server, type Socket } from "node:net";

export interface DelayProxyOptions {
  /** Address of the server, on this machine. */
  readonly host: string;
  readonly port: number;
  /** Delay of each direction in milliseconds: half a round trip. With 0, the proxy only counts. */
  readonly holdMs: number;
  /** Maximum number of bytes buffered in each direction, at which the proxy stops reading; default 4 MiB. */
  readonly limit?: number;
}

/** Counters of one connection through the proxy. */
export interface DelayedConnection {
  /**
   * Round trips until the latest byte that the client received: counted, not measured. Bytes that one side sends may depend on all bytes
   * that it received before, so they count half a round trip more than the latest received byte.
   */
  readonly roundTrips: number;
  readonly bytesToServer: number;
  readonly bytesToClient: number;
}

/** A TCP proxy on loopback that adds latency. */
export interface DelayProxy {
  readonly host: "127.0.0.1";
  readonly port: number;
  /** All connections since the start, in order of arrival. Their counters are live. */
  readonly connections: readonly DelayedConnection[];
  /** Stops the proxy and destroys all its connections. */
  close(): Promise<void>;
}

/**
 * Starts a proxy that delays each chunk by a fixed time, in both directions and in order. TCP's own handshake is not delayed. Ends and
 * resets are delayed and passed on like bytes.
 */
export async function startDelayProxy(options: DelayProxyOptions): Promise<DelayProxy> {
  const links = new Set<Link>();
  const connections: DelayedConnection[] = [];
  const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const link = new Link(client, options);
    links.add(link);
    connections.push(link);
    link.whenClosed(() => links.delete(link));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the proxy has no port");
  return {
    host: "127.0.0.1",
    port: address.port,
    connections,
    close: async () => {
      for (const link of links) link.destroy();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
      });
    },
  };
}

/** A client's connection, the connection to the server, and both directions between them. */
class Link implements DelayedConnection {
  bytesToServer = 0;
  bytesToClient = 0;
  readonly #client: Socket;
  readonly #server: Socket;
  /** Number of half round trips until the latest bytes that each side received. */
  #clientRank = 0;
  #serverRank = 0;

  constructor(client: Socket, { host, port, holdMs, limit = 4 * 2 ** 20 }: DelayProxyOptions) {
    const server = connectSocket({ host, port, noDelay: true, allowHalfOpen: true });
    this.#client = client;
    this.#server = server;
    carry(client, server, holdMs, limit, {
      sent: () => this.#clientRank + 1,
      given: (rank, bytes) => {
        this.#serverRank = Math.max(this.#serverRank, rank);
        this.bytesToServer += bytes;
      },
    });
    carry(server, client, holdMs, limit, {
      sent: () => this.#serverRank + 1,
      given: (rank, bytes) => {
        this.#clientRank = Math.max(this.#clientRank, rank);
        this.bytesToClient += bytes;
      },
    });
  }

  get roundTrips(): number {
    return this.#clientRank / 2;
  }

  whenClosed(done: () => void): void {
    this.#client.once("close", done);
  }

  destroy(): void {
    this.#client.destroy();
    this.#server.destroy();
  }
}

interface Ranks {
  /** Returns the rank of bytes that the sender sends now. */
  sent(): number;
  /** Called when bytes of that rank reach the receiver. */
  given(rank: number, bytes: number): void;
}

/** Forwards one direction. */
function carry(from: Socket, to: Socket, holdMs: number, limit: number, ranks: Ranks): void {
  const held: { readonly due: number; readonly rank: number; readonly give: () => void; readonly bytes: number }[] = [];
  let heldBytes = 0;
  let timer: NodeJS.Timeout | undefined;

  const release = (): void => {
    timer = undefined;
    const now = performance.now();
    for (let next = held[0]; next !== undefined && next.due <= now; next = held[0]) {
      held.shift();
      heldBytes -= next.bytes;
      if (next.bytes > 0) ranks.given(next.rank, next.bytes);
      if (!to.destroyed) next.give();
    }
    // Timers may fire early by a fraction of a millisecond.
    if (held[0] !== undefined) timer = setTimeout(release, Math.max(1, Math.ceil(held[0].due - now)));
    flow();
  };
  const hold = (bytes: number, give: () => void): void => {
    held.push({ due: performance.now() + holdMs, rank: ranks.sent(), give, bytes });
    heldBytes += bytes;
    if (holdMs === 0) release();
    else timer ??= setTimeout(release, holdMs);
    flow();
  };
  const flow = (): void => {
    const full = heldBytes >= limit || to.writableNeedDrain;
    if (full && !to.destroyed) from.pause();
    else if (from.isPaused()) from.resume();
  };

  from.on("data", (chunk) => hold(chunk.length, () => void to.write(chunk)));
  from.on("end", () => hold(0, () => to.end()));
  from.on("error", () => hold(0, () => to.resetAndDestroy()));
  to.on("drain", flow);
  to.on("close", () => {
    clearTimeout(timer);
    held.length = 0;
    heldBytes = 0;
    // Keeps reading and drops the data, so that the end of the other side is noticed.
    flow();
  });
}
