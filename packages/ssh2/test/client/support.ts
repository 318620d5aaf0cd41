import { type EventEmitter, once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import ssh2, { type Connection, type ServerConfig } from "ssh2";
import { onTestFinished } from "vitest";
import { Client } from "../../src/client/client.ts";
import type { Ssh2Error } from "../../src/errors.ts";
import { ed25519Pair } from "../parity/made-keys.ts";

/** Host key of the servers, in OpenSSH's format. */
export const HOST_KEY: string = ed25519Pair().private;

/** Options of `connect` for a server of a test. */
export interface Target {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly hostVerifier: () => boolean;
}

/** Starts a server of ssh2 that lives as long as the test and accepts every login, or what `accept` makes of connections. */
export async function serve(
  options: Partial<ServerConfig> = {},
  accept: (connection: Connection) => void = (connection) =>
    void connection.on("authentication", (context) => context.accept()),
): Promise<Target> {
  const open = new Set<Connection>();
  const server = new ssh2.Server({ hostKeys: [HOST_KEY], ...options }, (connection) => {
    open.add(connection);
    (connection as unknown as { _sock: Socket })._sock.setNoDelay(true);
    connection.on("error", () => {});
    connection.on("close", () => open.delete(connection));
    accept(connection);
  });
  onTestFinished(async () => {
    const closed = once(server, "close");
    server.close();
    for (const connection of open) (connection as unknown as { _sock: Socket })._sock.destroy();
    await closed;
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return targetOf(server.address() as AddressInfo);
}

/** Starts a TCP server whose sockets `accept` serves, for one test. */
export async function serveSockets(accept: (socket: Socket) => void): Promise<Target> {
  const open = new Set<Socket>();
  const server: Server = createServer({ noDelay: true }, (socket) => {
    open.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => open.delete(socket));
    accept(socket);
    // Reads to the end, and so ends its own direction.
    socket.resume();
  });
  onTestFinished(async () => {
    const closed = once(server, "close");
    server.close();
    for (const socket of open) socket.destroy();
    await closed;
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return targetOf(server.address() as AddressInfo);
}

function targetOf({ port }: AddressInfo): Target {
  return { host: "127.0.0.1", port, username: "alice", hostVerifier: () => true };
}

/** A client, its events with their first value, and its "close". */
export interface TestClient {
  readonly client: Client;
  readonly events: [event: string, value: unknown][];
  readonly closed: Promise<void>;
}

/** Makes a client that is destroyed after the test. */
export function newClient(): TestClient {
  const client = new Client();
  const events: [string, unknown][] = [];
  for (const event of ["connect", "greeting", "handshake", "banner", "ready", "hostkeys", "error", "end", "close"])
    client.on(event, (value: unknown) => void events.push([event, value]));
  onTestFinished(() => void client.destroy());
  const closed = new Promise<void>((resolve) => void client.on("close", () => resolve()));
  return { client, events, closed };
}

/** Resolves with the errors of a client of either implementation once it has closed. */
export async function errorsOf(client: EventEmitter): Promise<readonly Ssh2Error[]> {
  const errors: Ssh2Error[] = [];
  client.on("error", (error: Ssh2Error) => void errors.push(error));
  await new Promise<void>((resolve) => void client.on("close", () => resolve()));
  return errors;
}

/** Collects the warnings of this package until the test is over. */
export function warnings(): { readonly text: string; readonly code: string }[] {
  const list: { text: string; code: string }[] = [];
  const add = (warning: Error & { code?: string }): void => {
    if (warning.name === "SecurityWarning") list.push({ text: warning.message, code: warning.code ?? "" });
  };
  process.on("warning", add);
  onTestFinished(() => void process.off("warning", add));
  return list;
}

/** Resolves after the turn in which warnings are emitted. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
