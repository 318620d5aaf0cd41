import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import type { Client, Connection, ServerConfig } from "ssh2";
import type { Peers, Recorder } from "./case.ts";
import { ed25519Pair } from "./made-keys.ts";

/** Host key of all servers of the cases. */
export const HOST_KEY: string = ed25519Pair().private;

/** Events of a client whose values both implementations agree on. */
const EVENTS = ["connect", "greeting", "banner", "ready", "timeout", "error", "end", "close"] as const;

/** Options of `connect` for a server of a case. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly hostVerifier: () => boolean;
}

/** Starts a server of ssh2 that lives as long as the case. `accept` gets each connection. Its sockets send at once. */
export async function serve(
  peers: Peers,
  accept: (connection: Connection) => void,
  options: Partial<ServerConfig> = {},
): Promise<Target> {
  const open = new Set<Connection>();
  const server = new peers.ssh2.Server({ hostKeys: [HOST_KEY], ...options }, (connection) => {
    open.add(connection);
    (connection as unknown as { _sock: Socket })._sock.setNoDelay(true);
    connection.on("error", () => {});
    connection.on("close", () => open.delete(connection));
    accept(connection);
  });
  peers.after(async () => {
    const closed = once(server, "close");
    server.close();
    for (const connection of open) (connection as unknown as { _sock: Socket })._sock.destroy();
    await closed;
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return targetOf((server.address() as AddressInfo).port);
}

/** Starts a server that accepts every login. */
export function serveAnybody(peers: Peers, options?: Partial<ServerConfig>): Promise<Target> {
  return serve(peers, (connection) => connection.on("authentication", (context) => context.accept()), options);
}

/** Starts a TCP server whose sockets `accept` serves. */
export async function serveSockets(peers: Peers, accept: (socket: Socket) => void): Promise<Target> {
  const open = new Set<Socket>();
  const server = createServer({ noDelay: true }, (socket) => {
    open.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => open.delete(socket));
    accept(socket);
  });
  peers.after(async () => {
    const closed = once(server, "close");
    server.close();
    for (const socket of open) socket.destroy();
    await closed;
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return targetOf((server.address() as AddressInfo).port);
}

function targetOf(port: number): Target {
  return { host: "127.0.0.1", port, username: "alice", hostVerifier: () => true };
}

/** Records the events of a client, and destroys it after the case. */
export function watch(client: Client, record: Recorder, peers: Peers): void {
  peers.after(() => client.destroy());
  for (const event of EVENTS) client.on(event as "error", (...values: unknown[]) => record(event, ...values));
}

/** Resolves when the client has closed and every callback of that turn has run. */
export async function closed(client: Client): Promise<void> {
  await new Promise<void>((resolve) => client.once("close", () => resolve()));
  await new Promise<void>((resolve) => setImmediate(resolve));
}
