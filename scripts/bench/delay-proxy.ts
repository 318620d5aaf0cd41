import { connect as connectSocket, createServer, type Server, type Socket } from "node:net";

export interface DelayProxyOptions {
  /** Where the server is, on this machine. */
  readonly host: string;
  readonly port: number;
  /** Milliseconds that each direction holds what it carries: half a round trip. 0 only counts. */
  readonly holdMs: number;
  /** Bytes that a direction holds at most; then it reads no more. 4 MiB unless told. */
  readonly limit?: number;
}

/** What went through one connection. */
export interface DelayedConnection {
  /**
   * Round trips on the longest chain of cause and effect that ends at the client: counted, not measured. What one side
   * sends may depend on everything it received before, so it counts half a round trip more than the latest received byte.
   */
  readonly roundTrips: number;
  readonly bytesToServer: number;
  readonly bytesToClient: number;
}

/** A TCP proxy on loopback that makes the way long. */
export interface DelayProxy {
  readonly host: "127.0.0.1";
  readonly port: number;
  /** Every connection so far, in the order in which they came. They go on counting. */
  readonly connections: readonly DelayedConnection[];
  /** Ends it and every connection through it. */
  close(): Promise<void>;
}

/**
 * Starts a proxy that holds each chunk for a fixed time, in both directions, and keeps their order. The connection to the server
 * is made at once, so TCP's own round trip is not delayed. Ends and resets go through as well, held like bytes.
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

/** One client, one connection to the server, and the two ways between them. */
class Link implements DelayedConnection {
  bytesToServer = 0;
  bytesToClient = 0;
  readonly #client: Socket;
  readonly #server: Socket;
  /** Half round trips of the latest bytes that each side was given. */
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
  /** The rank of bytes that the sender lets go of now. */
  sent(): number;
  /** Bytes of that rank reach the receiver now. */
  given(rank: number, bytes: number): void;
}

/** Carries one direction. */
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
    // What still comes is read and dropped, so that its end is noticed.
    flow();
  });
}
