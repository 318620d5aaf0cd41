import { once } from "node:events";
import type { AddressInfo } from "node:net";
import type { Client, ClientInfo, ConnectConfig, Connection, ServerConfig } from "ssh2";
import ssh2 from "ssh2";
import type { Peers, Recorder, Ssh2 } from "./case.ts";
import { ed25519Pair } from "./made-keys.ts";

/** Keys that all cases share: making an RSA key takes time. */
export const keys = {
  host: ed25519Pair(),
  ed25519: ed25519Pair(),
  ecdsa: ssh2.utils.generateKeyPairSync("ecdsa", { bits: 256 }),
  rsa: ssh2.utils.generateKeyPairSync("rsa", { bits: 2048 }),
} as const;

/** A server under test. */
export interface Served {
  readonly port: number;
  readonly server: InstanceType<Ssh2["Server"]>;
  /** Connections of the server, oldest first. */
  readonly connections: Connection[];
  /** Connects ssh2's client and resolves when it has logged in. Rejects with its error. */
  readonly client: (config?: ConnectConfig) => Promise<Client>;
  /** Returns a client of ssh2 that is connecting. */
  readonly connecting: (config?: ConnectConfig) => Client;
}

/** Serves on loopback until the case is over. `onConnection` gets each client. */
export async function served(
  implementation: Ssh2,
  peers: Peers,
  onConnection: (connection: Connection, info: ClientInfo) => void,
  config: Partial<ServerConfig> = {},
): Promise<Served> {
  const connections: Connection[] = [];
  const server = new implementation.Server({ hostKeys: [keys.host.private], ...config }, (connection, info) => {
    connections.push(connection);
    connection.on("error", () => {});
    (connection as unknown as { setNoDelay(): void }).setNoDelay();
    onConnection(connection, info);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  peers.after(() => new Promise<void>((resolve) => void server.close(() => resolve())));
  const { port } = server.address() as AddressInfo;
  const connecting = (own: ConnectConfig = {}): Client => {
    const client = new peers.ssh2.Client();
    peers.after(() => client.destroy());
    client.on("error", () => {});
    return client.connect({ host: "127.0.0.1", port, username: "alice", ...own });
  };
  return {
    port,
    server,
    connections,
    connecting,
    async client(own) {
      const client = connecting(own);
      await ended(client, "ready");
      return client;
    },
  };
}

/** Serves with every login accepted, and resolves with a client. */
export async function loggedIn(
  implementation: Ssh2,
  peers: Peers,
  onConnection: (connection: Connection) => void,
  clientConfig: ConnectConfig = {},
): Promise<{ readonly client: Client; readonly served: Served; readonly connection: Connection }> {
  const one = await served(implementation, peers, (connection) => {
    connection.on("authentication", (context) => context.accept());
    onConnection(connection);
  });
  const client = await one.client(clientConfig);
  return { client, served: one, connection: one.connections[0]! };
}

/** Resolves with the values of an event. Rejects with an error before it, and if the emitter closes before it. */
export function ended(emitter: NodeJS.EventEmitter, event: string): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    emitter.once(event, (...values: unknown[]) => resolve(values));
    if (event !== "error") emitter.once("error", reject);
    if (event !== "close") emitter.once("close", () => reject(new Error(`closed before "${event}"`)));
  });
}

/** Resolves with the values of an event. Errors before it are ignored. */
export function happened(emitter: NodeJS.EventEmitter, event: string): Promise<unknown[]> {
  return new Promise((resolve) => {
    emitter.once(event, (...values: unknown[]) => resolve(values));
  });
}

/** Calls a method with a callback, and resolves with the values that the callback gets, an error among them. */
export function called(call: (callback: (...values: unknown[]) => void) => unknown): Promise<unknown[]> {
  return new Promise((resolve) => {
    call((...values) => resolve(values));
  });
}

/** Returns a function that adds an event with its values to a list, and the list: events of two sides have no common order. */
export function journal(): { readonly events: unknown[]; readonly note: Recorder } {
  const events: unknown[] = [];
  return { events, note: (event, ...values) => void events.push([event, ...values]) };
}

/** Notes events of an emitter. */
export function watch(
  emitter: NodeJS.EventEmitter,
  names: readonly string[],
  note: (event: string, ...values: unknown[]) => void,
): void {
  for (const name of names) emitter.on(name, (...values: unknown[]) => note(name, ...values));
}

/** Resolves with all that a stream gives, as text. */
export async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  let text = "";
  for await (const chunk of stream) text += String(chunk);
  return text;
}
