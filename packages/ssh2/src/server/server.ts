import { EventEmitter } from "node:events";
import { type AddressInfo, Server as NetServer, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { loadAlgorithms } from "@nacre/node";
import type { Overrides } from "@nacre/wire";
import type { ServerLimits } from "nacre/extend";
import { IncomingClient, serveClient } from "./connection.ts";
import { checkServerOptions, limitsOf, readOptions, type ServerConfig, type SharedOptions } from "./options.ts";

/** How a client identified itself (RFC 4253 §4.2). Texts of the client: escape them before display. */
export interface ClientHeader {
  /** Always empty: only servers may send lines before their identification. */
  readonly greeting: string;
  /** The whole line, such as `"SSH-2.0-OpenSSH_10.0"`. */
  readonly identRaw: string;
  readonly versions: { readonly protocol: string; readonly software: string };
  readonly comments: string | undefined;
}

/** A client's address, and how it identified itself. */
export interface ClientInfo {
  readonly ip: string | undefined;
  readonly family: string | undefined;
  readonly port: number | undefined;
  readonly header: ClientHeader;
}

/** Gets each client that has identified itself. */
export type ConnectionListener = (client: IncomingClient, info: ClientInfo) => void;

/**
 * An SSH server. Emits "connection" for each client that has identified itself; without a listener clients are disconnected. Also emits
 * "listening", "error" and "close" of its socket.
 */
export class Server extends EventEmitter {
  /** Milliseconds of silence after which a client is probed. Not a positive number: never. */
  static KEEPALIVE_CLIENT_INTERVAL: number = 15_000;
  /** Unanswered probes after which a connection ends. */
  static KEEPALIVE_CLIENT_COUNT_MAX: number = 3;

  /** Class of the connections, as ssh2 has it on its server. */
  static readonly IncomingClient: typeof IncomingClient = IncomingClient;

  /** Greatest number of connections at a time; further ones are closed at once. */
  maxConnections: number = Infinity;
  readonly _srv: NetServer;
  _connections: number = 0;
  readonly #config: ServerConfig;
  readonly #options: Omit<SharedOptions, "limits">;
  /** Resolves when the algorithms can run; `undefined` once they can. */
  #loading: Promise<void> | undefined;

  /** Throws ssh2's errors for options and keys that are invalid. `listener` is called for "connection". */
  constructor(config: ServerConfig, listener?: ConnectionListener) {
    super();
    this.#options = readOptions(config);
    this.#config = config;
    checkServerOptions({ ...this.#options, limits: this.#limits() });
    this.#load();
    if (typeof listener === "function") this.on("connection", listener);
    this._srv = new NetServer((socket) => this.#onSocket(socket))
      .on("error", (error) => this.emit("error", error))
      .on("listening", () => this.emit("listening"))
      .on("close", () => this.emit("close"));
  }

  /** Serves a socket or another stream like that of a client. */
  injectSocket(socket: Duplex): void {
    this._srv.emit("connection", socket);
  }

  /** Listens, with the arguments of `net.Server.listen`. */
  listen(...args: readonly unknown[]): this {
    (this._srv.listen as (...given: readonly unknown[]) => void).call(this._srv, ...args);
    return this;
  }

  /** Returns where the server listens. */
  address(): AddressInfo | string | null {
    return this._srv.address();
  }

  /** Calls back with the number of open sockets. */
  getConnections(callback: (error: Error | null, count: number) => void): this {
    this._srv.getConnections(callback);
    return this;
  }

  /** Stops listening. Open connections continue; calls back when all are closed. */
  close(callback?: (error?: Error) => void): this {
    this._srv.close(callback);
    return this;
  }

  ref(): this {
    this._srv.ref();
    return this;
  }

  unref(): this {
    this._srv.unref();
    return this;
  }

  #load(): void {
    this.#loading = loadAlgorithms(this.#options.algorithms).then(() => {
      this.#loading = undefined;
    });
    // Reported by each connection.
    this.#loading.catch(() => {});
  }

  #onSocket(socket: Duplex): void {
    // Without host keys no key exchange can succeed.
    if (this._connections >= this.maxConnections || this.#options.hostKeys.length === 0) {
      socket.destroy();
      return;
    }
    // A client may vanish before it is served.
    socket.on("error", () => {});
    this._connections++;
    socket.once("close", () => this._connections--);
    if (socket instanceof Socket) socket.setNoDelay(true);
    const { debug } = this.#config;
    // The prefix tells the connections apart.
    const prefix = `[${process.hrtime().join(".")}] `;
    const client = new IncomingClient(
      socket,
      typeof debug === "function" ? (line: string) => debug(`${prefix}${line}`) : undefined,
    );
    if (this.#loading === undefined) this.#serve(client, socket);
    else
      this.#loading.then(
        () => {
          if (!socket.destroyed) this.#serve(client, socket);
        },
        (error: unknown) => {
          socket.destroy();
          this.emit("error", error);
        },
      );
  }

  #limits(): Overrides<ServerLimits> {
    return limitsOf(this.#config, {
      interval: Server.KEEPALIVE_CLIENT_INTERVAL,
      count: Server.KEEPALIVE_CLIENT_COUNT_MAX,
    });
  }

  #serve(client: IncomingClient, socket: Duplex): void {
    const limits = this.#limits();
    const { remoteAddress, remoteFamily, remotePort } = socket as Partial<Socket>;
    serveClient(client, { ...this.#options, limits }, (clientVersion) => {
      const info = { ip: remoteAddress, family: remoteFamily, port: remotePort, header: headerOf(clientVersion) };
      if (!this.emit("connection", client, info)) client.end();
    });
  }
}

/** Returns the parts of an identification string. */
function headerOf(identRaw: string): ClientHeader {
  const {
    protocol = "2.0",
    software = "",
    comments,
  } = /^SSH-(?<protocol>[^-]*)-(?<software>[^ ]*)(?: (?<comments>.*))?$/.exec(identRaw)?.groups ?? {};
  return { greeting: "", identRaw, versions: { protocol, software }, comments };
}
