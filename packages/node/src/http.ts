import { Agent, type AgentOptions } from "node:http";
import { Agent as HttpsAgent, type AgentOptions as HttpsAgentOptions } from "node:https";
import { type ConnectionOptions, connect as tlsConnect } from "node:tls";
import type { ForwardTarget } from "nacre/internal";
import type { Client } from "./client.ts";
import type { ForwardSocket } from "./forward/forward-socket.ts";

/** What an agent needs of a client. */
type SocketSource = Pick<Client, "socket">;

/**
 * Makes an agent for `http.request` whose connections the server opens. Without a target each goes to the host and port of its URL, which the
 * server looks up. `options` are those of `http.Agent`; `{ keepAlive: true }` uses connections again.
 */
export function httpAgent(ssh: SocketSource, target?: ForwardTarget, options: AgentOptions = {}): Agent {
  return new SshAgent(ssh, target, options);
}

/** Makes an agent for `https.request`, as `httpAgent`. The certificate is checked against the host of the URL, whatever the target. */
export function httpsAgent(ssh: SocketSource, target?: ForwardTarget, options: HttpsAgentOptions = {}): HttpsAgent {
  return new SshHttpsAgent(ssh, target, options);
}

/** Where a request goes by its URL, as `node:http` gives it to agents. */
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

/** Where a request of undici goes. */
interface UndiciDestination {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: string | null | undefined;
  readonly servername?: string | null | undefined;
}

/**
 * Makes the option `connect` of an `Agent` of undici whose connections the server opens, for
 * `fetch(url, { dispatcher: new Agent({ connect: undiciConnect(ssh, target) }) })`. Without a target each goes to the host and port of its URL.
 * `tls` are options of `tls.connect` for https.
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
    // Either kind of stream does for undici, whose type asks for a `net.Socket`.
    const done = callback as unknown as (error: Error | null, stream: unknown) => void;
    const onError = (error: Error): void => done(error, null);
    stream.once("error", onError);
    stream.once(isSecure ? "secureConnect" : "connect", () => {
      stream.off("error", onError);
      done(null, stream);
    });
  };
}
