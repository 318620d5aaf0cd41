import { Agent, type AgentOptions } from "node:http";
import { Agent as HttpsAgent, type AgentOptions as HttpsAgentOptions } from "node:https";
import { type ConnectionOptions, connect as tlsConnect } from "node:tls";
import type { ForwardTarget } from "nacre/extend";
import type { Client } from "./connect/client.ts";
import type { ForwardSocket } from "./forward/forward-socket.ts";

/** The part of a client used by agents. */
export type SocketSource = Pick<Client, "socket">;

/**
 * Returns an agent for `http.request`; the server opens its connections. Without `target`, a connection goes to the host and port of the
 * request URL, resolved by the server. `options` are those of `http.Agent`; `{ keepAlive: true }` reuses connections.
 */
export function httpAgent(ssh: SocketSource, target?: ForwardTarget, options: AgentOptions = {}): Agent {
  return new SshAgent(ssh, target, options);
}

/**
 * Returns an agent for `https.request`, like {@link httpAgent}. The certificate is checked against the host in the URL, even if `target` is
 * set.
 */
export function httpsAgent(ssh: SocketSource, target?: ForwardTarget, options: HttpsAgentOptions = {}): HttpsAgent {
  return new SshHttpsAgent(ssh, target, options);
}

/** Destination of a request's URL, as `node:http` passes it to agents. */
interface Destination {
  readonly host?: string | null | undefined;
  readonly port?: number | string | null | undefined;
  readonly socketPath?: string | undefined;
}

class SshAgent extends Agent {
  readonly #ssh: SocketSource;
  readonly #target: ForwardTarget | undefined;

  constructor(ssh: SocketSource, target: ForwardTarget | undefined, options: AgentOptions) {
    super(options);
    this.#ssh = ssh;
    this.#target = target;
  }

  override createConnection(destination: Destination): ForwardSocket {
    return this.#ssh.socket(this.#target ?? targetOf(destination));
  }
}

class SshHttpsAgent extends HttpsAgent {
  readonly #ssh: SocketSource;
  readonly #target: ForwardTarget | undefined;

  constructor(ssh: SocketSource, target: ForwardTarget | undefined, options: HttpsAgentOptions) {
    super(options);
    this.#ssh = ssh;
    this.#target = target;
  }

  override createConnection(
    ...[options, callback]: Parameters<HttpsAgent["createConnection"]>
  ): ReturnType<HttpsAgent["createConnection"]> {
    const overSocket = { ...options, socket: this.#ssh.socket(this.#target ?? targetOf(options)) };
    return super.createConnection(overSocket, callback);
  }
}

function targetOf({ host, port, socketPath }: Destination): ForwardTarget {
  if (socketPath !== undefined) return { path: socketPath };
  return { host: host ?? "localhost", port: Number(port) };
}

/** Destination of an undici request. */
export interface UndiciDestination {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: string | null | undefined;
  readonly servername?: string | null | undefined;
}

/**
 * Returns the `connect` option for an undici `Agent`; the server opens its connections: `fetch(url, { dispatcher: new Agent({ connect:
 * undiciConnect(ssh, target) }) })`. Without `target`, a connection goes to the host and port of the URL. `tls` are options of
 * `tls.connect` for https.
 */
export function undiciConnect(
  ssh: SocketSource,
  target?: ForwardTarget,
  tls: ConnectionOptions = {},
): (destination: UndiciDestination, callback: (...result: never[]) => void) => void {
  return ({ protocol, hostname, port, servername }, callback) => {
    const isSecure = protocol === "https:";
    const host = hostname.replace(/^\[(.*)\]$/, "$1");
    const socket = ssh.socket(target ?? { host, port: Number(port || (isSecure ? 443 : 80)) });
    const stream = isSecure ? tlsConnect({ ...tls, socket, servername: servername ?? host }) : socket.connect();
    // undici's type requires a `net.Socket`, but any Node `Duplex` works.
    const done = callback as unknown as (error: Error | null, stream: unknown) => void;
    const onError = (error: Error): void => done(error, null);
    stream.once("error", onError);
    stream.once(isSecure ? "secureConnect" : "connect", () => {
      stream.off("error", onError);
      done(null, stream);
    });
  };
}
