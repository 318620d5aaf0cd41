import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, type Client as NacreClient } from "@nacre/node";
import type { AuthContext, Client, ConnectConfig } from "ssh2";
import ssh2 from "ssh2";
import { onTestFinished } from "vitest";
import type { IncomingClient } from "../../src/server/connection.ts";
import type { ServerConfig } from "../../src/server/options.ts";
import { Server } from "../../src/server/server.ts";
import { ed25519Pair } from "../parity/made-keys.ts";

/** Keys that the tests of a file share. */
export const keys: {
  readonly host: { readonly private: string; readonly public: string };
  readonly ed25519: { readonly private: string; readonly public: string };
} = {
  host: ed25519Pair(),
  ed25519: ed25519Pair(),
};

/** What the application saw of a login. */
export interface SeenLogin {
  readonly method: string;
  readonly signed: boolean;
}

/** A server under test, with clients of the registry's ssh2. */
export interface Serving {
  readonly port: number;
  readonly server: Server;
  readonly seen: SeenLogin[];
  readonly connections: IncomingClient[];
  readonly connect: (config?: ConnectConfig) => Client;
  /** Resolves with a client that has logged in. */
  readonly loggedIn: (config?: ConnectConfig) => Promise<Client>;
}

/** Serves on loopback until the test has finished. `decide` gets each login, `onConnection` each client. */
export async function serving(
  implementation: unknown = Server,
  decide: (context: AuthContext) => void = (context) => context.accept(),
  onConnection: (connection: IncomingClient) => void = () => {},
  config: Partial<ServerConfig> = {},
): Promise<Serving> {
  const seen: SeenLogin[] = [];
  const connections: IncomingClient[] = [];
  const server = new (implementation as typeof Server)({ hostKeys: [keys.host.private], ...config }, (connection) => {
    connections.push(connection);
    connection.setNoDelay(true);
    connection.on("authentication", (context: AuthContext) => {
      seen.push({ method: context.method, signed: (context as { signature?: unknown }).signature !== undefined });
      decide(context);
    });
    onConnection(connection);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const clients: Client[] = [];
  onTestFinished(async () => {
    for (const client of clients) client.destroy();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  });
  const connecting = (own: ConnectConfig = {}): Client => {
    const client = new ssh2.Client();
    clients.push(client);
    client.on("connect", () => client.setNoDelay(true));
    return client.connect({ host: "127.0.0.1", port, username: "alice", ...own });
  };
  return {
    port,
    server,
    seen,
    connections,
    connect: connecting,
    async loggedIn(own) {
      const client = connecting(own);
      await once(client, "ready");
      client.on("error", () => {});
      return client;
    },
  };
}

/** Resolves with "ready", or with the text of the last error before the client's end. */
export function outcome(client: Client): Promise<string> {
  let last = "";
  return new Promise((resolve) => {
    client.on("error", (error) => {
      last = error.message;
    });
    client.once("ready", () => resolve("ready")).once("close", () => resolve(last));
  });
}

/** Resolves with a client of Nacre that has logged in: it sends any message. Closed when the test has finished. */
export async function nacreClient(port: number): Promise<NacreClient> {
  const client = await connect({
    host: "127.0.0.1",
    port,
    user: "alice",
    password: "any",
    identities: [],
    agent: false,
    hostKey: () => true,
  });
  onTestFinished(() => client.close());
  return client;
}
