import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import type { Client, ConnectConfig } from "ssh2";
import type { Peers, Ssh2 } from "../parity/case.ts";
import { serveSockets } from "../parity/client-peers.ts";

/** Provokes an error, and returns it or a promise of it. */
export type Provoke = (ssh2: Ssh2, peers: Peers) => unknown;

/** How the errors of one place are provoked, by the message in the table. */
export type Provocations = Readonly<Record<string, Provoke>>;

/** Returns what a call throws, and `undefined` if it throws nothing. */
export function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

/** Resolves with the first value that a callback gets. */
export function answerOf(call: (callback: (error?: unknown) => void) => unknown): Promise<unknown> {
  return new Promise((resolve) => void call((error) => resolve(error)));
}

/** Connects, and resolves with the first error that the client emits. */
export function errorOf(
  { Client: ClientOf }: Ssh2,
  peers: Pick<Peers, "after">,
  config: ConnectConfig,
  use: (client: Client) => void = () => {},
): Promise<unknown> {
  const client = new ClientOf();
  peers.after(() => client.destroy());
  use(client);
  const error = new Promise((resolve) => void client.on("error", resolve));
  client.connect({ host: "127.0.0.1", username: "alice", hostVerifier: () => true, ...config });
  return error;
}

/** Sets an environment variable until the case is over. */
export function setVariable(peers: Pick<Peers, "after">, name: string, value: string): void {
  const before = process.env[name];
  process.env[name] = value;
  peers.after(() => {
    if (before === undefined) delete process.env[name];
    else process.env[name] = before;
  });
}

/**
 * Starts a TCP server that passes bytes on to a port of this machine, and resolves with its port. `change` gets each piece that the server
 * sends, and returns what the client receives.
 */
export async function throughProxy(peers: Peers, target: number, change: (bytes: Buffer) => Buffer): Promise<number> {
  const { port } = await serveSockets(peers, (socket: Socket) => {
    const inner = connect(target, "127.0.0.1");
    peers.after(() => inner.destroy());
    inner.on("error", () => {});
    inner.on("data", (bytes: Buffer) => socket.write(change(bytes)));
    inner.on("end", () => socket.end());
    socket.pipe(inner);
  });
  return port;
}

/** Resolves with a port of this machine that nothing listens on. */
export async function closedPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { readonly port: number };
  server.close();
  await once(server, "close");
  return port;
}
