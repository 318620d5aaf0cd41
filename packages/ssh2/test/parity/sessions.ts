import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import type {
  Client,
  ClientChannel,
  ClientErrorExtensions,
  ConnectConfig,
  Connection,
  ServerChannel,
  ServerConfig,
  Session,
} from "ssh2";
import type { Peers, Recorder, Ssh2 } from "./case.ts";
import { ed25519Pair } from "./made-keys.ts";

/** A client of the implementation that is tried, logged in to an ssh2 server on loopback. */
export interface LoggedIn {
  readonly client: Client;
  /** The server's end of the connection. */
  readonly connection: Connection;
  /** The server's socket. */
  readonly socket: Socket;
}

let hostKey: string | undefined;

/** Starts an ssh2 server that lets everybody in, and logs in a client. `serve` gets the connection before the client is ready. */
export async function logIn(
  ssh2: Ssh2,
  peers: Pick<Peers, "ssh2" | "after">,
  serve: (connection: Connection) => void = () => {},
  config: ConnectConfig = {},
  options: Partial<ServerConfig> = {},
): Promise<LoggedIn> {
  hostKey ??= ed25519Pair().private;
  let connection: Connection | undefined;
  const server = new peers.ssh2.Server({ ...options, hostKeys: [hostKey] }, (accepted) => {
    connection = accepted;
    accepted.on("error", () => {});
    accepted.on("authentication", (context) => context.accept());
    serve(accepted);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  peers.after(() => server.close());
  const client = new ssh2.Client();
  client.on("error", () => {});
  peers.after(() => client.destroy());
  client.connect({
    host: "127.0.0.1",
    port: (server.address() as AddressInfo).port,
    username: "alice",
    password: "secret",
    hostVerifier: () => true,
    ...config,
  });
  await once(client, "ready");
  const { _sock: socket } = connection as unknown as { _sock: Socket };
  socket.setNoDelay(true);
  peers.after(() => socket.destroy());
  return { client, connection: connection!, socket };
}

/** Calls `begin` with each session of the connection. */
export function eachSession(begin: (session: Session) => void): (connection: Connection) => void {
  return (connection) => {
    connection.on("session", (accept) => begin(accept()));
  };
}

/** Runs `program` for each command, shell and subsystem, and grants a terminal, an environment and signals. */
export function runs(
  program: (channel: ServerChannel, command: string, session: Session) => void,
): (connection: Connection) => void {
  return eachSession((session) => {
    session.on("pty", (accept) => accept?.());
    session.on("exec", (accept, _reject, { command }) => program(accept(), command, session));
    session.on("shell", (accept) => program(accept(), "shell", session));
    session.on("subsystem", (accept, _reject, { name }) => program(accept(), name, session));
  });
}

/** Lets everything that is written until the end of this round of the event loop leave in one piece. */
export function inOnePiece(connection: Connection, write: () => void): void {
  const { _sock: socket } = connection as unknown as { _sock: Socket };
  socket.cork();
  write();
  setImmediate(() => socket.uncork());
}

/** Calls a method with a callback. Resolves with the channel, or rejects with the error. */
export function opened(
  call: (callback: (error: (Error & ClientErrorExtensions) | undefined, channel: ClientChannel) => void) => unknown,
): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    call((error, channel) => {
      if (error) reject(error);
      else resolve(channel);
    });
  });
}

/** Opens a channel to the client's agent, for which ssh2's server has no method of its own. */
export function openAgent(connection: Connection): Promise<ServerChannel> {
  const { _chanMgr: manager, _protocol: protocol } = connection as unknown as {
    _chanMgr: { add(callback: (error: Error | undefined, channel: ServerChannel) => void): number };
    _protocol: { openssh_authAgent(id: number, window: number, packetSize: number): void };
  };
  return new Promise((resolve, reject) => {
    const callback = (error: Error | undefined, channel: ServerChannel): void => {
      if (error) reject(error);
      else resolve(channel);
    };
    protocol.openssh_authAgent(
      manager.add(Object.assign(callback, { type: "auth-agent@openssh.com" })),
      2 ** 21,
      2 ** 15,
    );
  });
}

/** Runs a command. */
export function exec(client: Client, command = "true"): Promise<ClientChannel> {
  return opened((callback) => client.exec(command, callback));
}

/**
 * Records the events of a channel and of its error output, each in their order, and the data, when both have closed. The order between the
 * two, and of "finish", depends on which messages arrive together. Resolves when all is recorded.
 */
export async function watch(record: Recorder, channel: ClientChannel, name = "channel"): Promise<void> {
  let output = "";
  let errors = "";
  const events: [string, ...unknown[]][] = [];
  let finishes = 0;
  channel.on("data", (data: Buffer) => (output += data.toString("latin1")));
  channel.stderr.on("data", (data: Buffer) => (errors += data.toString("latin1")));
  channel.on("finish", () => finishes++);
  for (const event of ["exit", "end", "close", "error"])
    channel.on(event, (...values: unknown[]) => events.push([event, ...values]));
  const ends: string[] = [];
  for (const event of ["end", "close", "error"]) channel.stderr.on(event, () => ends.push(event));
  await Promise.all([once(channel, "close"), once(channel.stderr, "close")]);
  await later();
  record(name, events, finishes);
  record(`${name}.stderr`, ends);
  record(`${name} data`, output, errors);
}

/** Records the events of a channel and its error output as they come, for messages that arrive together. Resolves when both have closed. */
export async function watchAll(record: Recorder, channel: ClientChannel): Promise<void> {
  for (const event of ["exit", "data", "end", "finish", "close", "error"])
    channel.on(event, (...values: unknown[]) => record(`channel ${event}`, ...values));
  for (const event of ["data", "end", "close"])
    channel.stderr.on(event, (...values: unknown[]) => record(`stderr ${event}`, ...values));
  await Promise.all([once(channel, "close"), once(channel.stderr, "close")]);
  await later();
}

/** Calls a method with a callback, and records the events of the channel from there on. Resolves with it when it has closed. */
export function watched(
  record: Recorder,
  call: (callback: (error: Error | undefined, channel: ClientChannel) => void) => unknown,
): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    call((error, channel) => {
      if (error) reject(error);
      else watch(record, channel).then(() => resolve(channel), reject);
    });
  });
}

/** Records each of these events of a client. */
export function watchClient(record: Recorder, client: Client): void {
  for (const event of ["error", "end", "close"] as const)
    client.on(event as "close", (...values: unknown[]) => record(`client ${event}`, ...values));
}

/** Lets the events that follow in this round come first. */
export async function later(): Promise<void> {
  for (let i = 0; i < 3; i++) await new Promise(setImmediate);
}

/** Reads a stream to its end. */
export async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  let text = "";
  stream.on("data", (data: Buffer) => (text += data.toString("latin1")));
  await once(stream, "end");
  return text;
}
