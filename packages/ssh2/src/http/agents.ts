import type { EventEmitter } from "node:events";
import { type AgentOptions, type ClientRequestArgs, Agent as HttpBase } from "node:http";
import { Agent as HttpsBase, type RequestOptions } from "node:https";
import type { Duplex } from "node:stream";
import { type ConnectionOptions, connect as tlsConnect } from "node:tls";

/** `Client` as the agents use it. */
export interface TunnelClient extends EventEmitter {
  connect(config: object): unknown;
  forwardOut(
    sourceHost: string,
    sourcePort: number,
    host: string,
    port: number,
    callback: (error: Error | undefined, stream: Duplex) => void,
  ): unknown;
  end(): unknown;
}

/** Options of Node's agents, and of ours. */
export type HttpAgentOptions = AgentOptions & {
  /** Origin address that is sent to the server; default `"localhost"`. */
  readonly srcIP?: string;
};

/** Options that Node passes for a connection. */
type CreateOptions = ClientRequestArgs & ConnectionOptions & { readonly localPort?: number };

type Created = (error: Error | null, stream: Duplex) => void;

/** The class of agents for `http:` whose connections run through an SSH server. */
export type SshHttpAgentClass = new (connectConfig: object, agentOptions?: HttpAgentOptions) => HttpBase;

/** The class of those for `https:`. */
export type SshHttpsAgentClass = new (connectConfig: object, agentOptions?: HttpAgentOptions) => HttpsBase;

/**
 * Returns the classes `HTTPAgent` and `HTTPSAgent`. `newClient` makes the client for a connection: as in ssh2, each connection of an agent
 * has an SSH connection of its own, which ends with it.
 */
export function httpAgents(newClient: () => TunnelClient): {
  readonly HTTPAgent: SshHttpAgentClass;
  readonly HTTPSAgent: SshHttpsAgentClass;
} {
  const tunnelOf = (connectConfig: object, options: HttpAgentOptions | undefined): Tunnel => ({
    newClient,
    connectConfig,
    sourceHost: options?.srcIP || "localhost",
  });

  class HTTPAgent extends HttpBase {
    readonly #tunnel: Tunnel;

    constructor(connectConfig: object, agentOptions?: HttpAgentOptions) {
      super(agentOptions);
      this.#tunnel = tunnelOf(connectConfig, agentOptions);
    }

    override createConnection(options: ClientRequestArgs, callback?: Created): undefined {
      openTunnel(this.#tunnel, options as CreateOptions, callback, withSocketMethods);
    }
  }

  class HTTPSAgent extends HttpsBase {
    readonly #tunnel: Tunnel;

    constructor(connectConfig: object, agentOptions?: HttpAgentOptions) {
      super(agentOptions);
      this.#tunnel = tunnelOf(connectConfig, agentOptions);
    }

    override createConnection(options: RequestOptions, callback?: Created): undefined {
      openTunnel(this.#tunnel, options as CreateOptions, callback, (stream) =>
        overTls(stream, options as ConnectionOptions),
      );
    }
  }
  return { HTTPAgent, HTTPSAgent };
}

interface Tunnel {
  readonly newClient: () => TunnelClient;
  readonly connectConfig: object;
  readonly sourceHost: string;
}

/** Connects to the SSH server, opens a connection through it, and passes that after `wrap`. The client ends with the stream. */
function openTunnel(
  { newClient, connectConfig, sourceHost }: Tunnel,
  options: CreateOptions,
  callback: Created | undefined,
  wrap: (stream: Duplex) => Duplex,
): void {
  const client = newClient();
  let isAnswered = false;
  const answer = (error: Error | null, stream?: Duplex): void => {
    if (isAnswered) return;
    isAnswered = true;
    // Node's type has a stream beside an error, too.
    callback?.(error, stream as Duplex);
  };
  client
    .on("ready", () => {
      const source = options.localAddress || sourceHost;
      client.forwardOut(source, options.localPort || 0, options.host!, Number(options.port), (error, stream) => {
        if (error) {
          client.end();
          return answer(error);
        }
        stream.once("close", () => client.end());
        answer(null, wrap(stream));
      });
    })
    .on("error", answer)
    .on("close", () => answer(new Error("Unexpected connection close")));
  client.connect(connectConfig);
}

function nothing(): void {}

/** Adds methods of `net.Socket` that Node's HTTP client calls. They have no meaning for a channel, and do nothing. */
function withSocketMethods(stream: Duplex): Duplex {
  return Object.assign(stream, {
    setKeepAlive: nothing,
    setNoDelay: nothing,
    setTimeout: nothing,
    ref: nothing,
    unref: nothing,
    destroySoon: stream.destroy.bind(stream),
  });
}

/** Returns a TLS connection over the stream, which is read to its end when that closes. */
function overTls(stream: Duplex, options: ConnectionOptions): Duplex {
  const secure = tlsConnect(Object.assign(options, { socket: stream as never }));
  const drain = (): void => {
    if (stream.isPaused()) stream.resume();
  };
  return secure.once("end", drain).once("close", drain);
}
