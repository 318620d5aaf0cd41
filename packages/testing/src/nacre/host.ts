import { type ByteStreams, type Client, type ConnectOptions, connect } from "nacre";
import { algorithms, hostKey, userKey } from "../protocol/pair.ts";
import { TestServer, type TestServerOptions } from "../protocol/server.ts";
import { seededRandom } from "../random.ts";

/** In-memory server that a client connects to over a pair of Web streams. */
export class StreamServer {
  readonly server: TestServer;
  /** The client's end of the connection. */
  readonly streams: ByteStreams;
  readonly #toClient: WritableStreamDefaultWriter<Uint8Array>;
  /** Settles when the client or the server has closed its side. */
  readonly done: Promise<void>;

  constructor(options: Partial<TestServerOptions> = {}) {
    this.server = new TestServer({ algorithms, random: seededRandom(2), hostKey, ...options });
    const up = new TransformStream<Uint8Array, Uint8Array>(undefined, { highWaterMark: 4 });
    const down = new TransformStream<Uint8Array, Uint8Array>(undefined, undefined, { highWaterMark: 4 });
    this.streams = { readable: down.readable, writable: up.writable };
    this.#toClient = down.writable.getWriter();
    this.done = this.#serve(up.readable.getReader());
  }

  /** Handles pending events and writes the server's output. */
  async flush(): Promise<void> {
    this.server.turn();
    const { transport } = this.server;
    for (let output = transport.takeOutput(); output.length > 0; output = transport.takeOutput())
      for (const bytes of output) await this.#toClient.write(bytes);
    this.server.connection.flush();
    this.server.turn();
  }

  /** Closes the server's side without a DISCONNECT, or breaks it with `error`. */
  cut(error?: Error): Promise<void> {
    return error === undefined ? this.#toClient.close() : this.#toClient.abort(error);
  }

  async #serve(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
    try {
      this.server.transport.start(0);
      await this.flush();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        this.server.transport.receive(value);
        await this.flush();
      }
    } catch {
      // The client closed the connection.
    }
  }
}

/** Client options with which the login succeeds. */
export const welcome: ConnectOptions = {
  user: "alice",
  hostKey: () => true,
  identities: [userKey],
  algorithms,
  random: seededRandom(1),
};

/** Returns a client connected to a new server. */
export async function connected(
  server: Partial<TestServerOptions> = {},
  client: Partial<ConnectOptions> = {},
): Promise<{ client: Client; host: StreamServer }> {
  const host = new StreamServer(server);
  return { client: await connect(host.streams, { ...welcome, ...client }), host };
}

export { hostKey, userKey };
