import { randomInt } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { plainAddress } from "@nacre/keyfiles/internal";
import { checkLimit, completeLimits, escapeText, MAX_UINT32, SshError } from "@nacre/wire";
import {
  type CryptoProvider,
  checkNames,
  checkServeOptions,
  offeredAlgorithms,
  SERVER_LIMITS,
  type ServeOptions,
  type ServerConnection,
  type ServerEvent,
  serveDuplex,
} from "nacre/internal";
import { nodeServerAlgorithms } from "./crypto/algorithms.ts";
import { fingerprint } from "./crypto/fingerprint.ts";
import { loadAlgorithms } from "./crypto/load.ts";
import { checkPort } from "./dial.ts";
import { rejectingWithSshError } from "./failure.ts";
import type { ListenEvent, ListenOptions, RandomEarlyDrop } from "./listen-options.ts";
import { delayRefusals } from "./login-delay.ts";
import { LISTEN_OPTIONS } from "./option-names.ts";
import { type PerSource, perSource } from "./per-source.ts";
import { nodeRandom } from "./random.ts";
import { type Endpoints, NodeSession } from "./session.ts";
import { socketDuplex } from "./socket-duplex.ts";
import type { Offence } from "./sources.ts";
import { TCP_KEEPALIVE_DELAY } from "./tcp-keepalive.ts";

const MAX_UNAUTHENTICATED: RandomEarlyDrop = { start: 10, rate: 30, full: 100 };

type DropReason = Extract<ListenEvent, { type: "dropped" }>["reason"];

/**
 * An SSH server on a TCP port. Resolves when it listens; rejects with `listen-failed`, or `usage` for options that cannot be.
 */
export function listen(options: ListenOptions): Promise<SshServer> {
  return rejectingWithSshError(() => listenWith(options));
}

async function listenWith(options: ListenOptions): Promise<SshServer> {
  // A program without types may give nothing at all.
  checkNames({ ...options }, LISTEN_OPTIONS, "listen");
  const { host = "127.0.0.1", port, maxConnections, maxUnauthenticated = MAX_UNAUTHENTICATED, signal } = { ...options };
  checkPort(port, 0);
  if (maxConnections !== undefined && maxConnections !== Number.POSITIVE_INFINITY)
    checkLimit("maxConnections", maxConnections, { least: 0, most: MAX_UINT32, unit: "connections" });
  const { start, rate, full } = maxUnauthenticated;
  if (!(start >= 1 && full >= start && rate >= 1 && rate <= 100))
    throw new SshError("usage", "maxUnauthenticated: start is 1 or more, full no less, and rate from 1 to 100 percent");
  const table = perSource(options.perSource, maxUnauthenticated);
  const complete = await withCryptoProvider(options);
  checkServeOptions(complete);
  await loadAlgorithms(complete.algorithms);
  if (signal?.aborted) throw new SshError("aborted", "listening was aborted", { cause: signal.reason });

  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause: NodeJS.ErrnoException) => reject(listenError(host, port, cause)));
    server.listen({ host, port }, resolve);
  });
  server.removeAllListeners("error");
  return new SshServer(server, complete, maxUnauthenticated, table);
}

async function withCryptoProvider(options: ListenOptions): Promise<ListenOptions & CryptoProvider> {
  const { defaultServerAlgorithms: defaults } =
    options.crypto === "noble" ? await import("nacre/defaults") : { defaultServerAlgorithms: nodeServerAlgorithms };
  const { algorithms: given = defaults, userKeys = defaults.hostKeys, random = nodeRandom, wasm } = options;
  const algorithms = offeredAlgorithms({ algorithms: given, wasm });
  return { ...options, algorithms, userKeys, random, fingerprint };
}

/** A server that listens. */
export class SshServer implements AsyncDisposable {
  /** Where it listens. */
  readonly address: { readonly host: string; readonly port: number };
  /** Resolves when it has been closed, and all its connections with it. Never rejects. */
  readonly closed: Promise<void>;
  readonly #server: Server;
  readonly #options: ListenOptions;
  /** What all connections share. */
  readonly #serve: ServeOptions<NodeSession> & CryptoProvider;
  readonly #earlyDrop: RandomEarlyDrop;
  readonly #perSource: PerSource;
  readonly #stopDelays: () => void;
  readonly #connections = new Set<ServerConnection>();
  #unauthenticated = 0;
  #accepted = 0;

  /** Use `listen`. */
  constructor(server: Server, options: ListenOptions & CryptoProvider, earlyDrop: RandomEarlyDrop, table: PerSource) {
    this.#server = server;
    this.#options = options;
    this.#earlyDrop = earlyDrop;
    this.#perSource = table;
    const { port: _port, host: _host, signal: _signal, log: _log, perSource: _perSource, ...shared } = options;
    const delayed = delayRefusals(options.authenticate, ({ remoteAddress = "" }) =>
      table.sources.failed(table.sourceOf(remoteAddress), performance.now()),
    );
    this.#stopDelays = delayed.stop;
    this.#serve = {
      ...shared,
      authenticate: delayed.authenticate,
      limits: completeLimits(SERVER_LIMITS, {
        ...options.limits,
        keepaliveInterval: options.limits?.keepaliveInterval ?? 0,
      }),
    };
    const address = server.address() as { readonly address: string; readonly port: number };
    this.address = { host: address.address, port: address.port };
    const onAbort = (): void => void this.close();
    options.signal?.addEventListener("abort", onAbort);
    this.closed = new Promise((resolve) => {
      // Told when the last socket is closed, too.
      server.once("close", () => {
        options.signal?.removeEventListener("abort", onAbort);
        resolve();
      });
    });
    server.on("connection", (socket) => {
      // Not as options of `createServer`: Deno ignores some of them.
      socket.setNoDelay(true);
      socket.setKeepAlive(true, TCP_KEEPALIVE_DELAY);
      this.#onConnection(socket);
    });
    server.on("error", (cause) =>
      this.#log({
        type: "accept-failed",
        error: new SshError("listen-failed", `a connection could not be taken: ${escapeText(cause.message)}`, {
          cause,
        }),
      }),
    );
  }

  /** The connections that are open, logged in or not. */
  get connections(): readonly ServerConnection[] {
    return [...this.#connections];
  }

  /**
   * Takes no more connections, and ends those that are open: at once those that nobody has logged in over or that run nothing, the
   * others when what they run has ended, or after `grace` milliseconds, none by default. Resolves when all is released.
   */
  async close(options: { readonly grace?: number | undefined } = {}): Promise<void> {
    if (this.#server.listening) this.#server.close();
    this.#stopDelays();
    await Promise.all(this.connections.map((connection) => connection.close(options)));
    await this.closed;
  }

  /** Calls `close()`: for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #onConnection(socket: Socket): void {
    const { remoteAddress, remotePort = 0 } = socket;
    // Gone before it was looked at.
    if (remoteAddress === undefined) {
      socket.on("error", () => {});
      socket.destroy();
      return;
    }
    const origin = { connection: ++this.#accepted, remoteAddress: plainAddress(remoteAddress), remotePort };
    const { sources, sourceOf } = this.#perSource;
    const source = sourceOf(origin.remoteAddress);
    const reason = this.#dropReason(source);
    if (reason !== undefined) {
      this.#log({ ...origin, type: "dropped", reason });
      socket.on("error", () => {});
      const words = reason === "penalty" ? "Not allowed at this time" : "Too many connections: try again later";
      socket.end(`${words}\r\n`, () => socket.destroy());
      return;
    }
    this.#log({ ...origin, type: "connected" });
    this.#unauthenticated++;
    sources.opened(source);
    let waiting = true;
    let attempted = false;
    const settled = (): void => {
      if (!waiting) return;
      waiting = false;
      // rule: count-settled
      this.#unauthenticated--;
      sources.settled(source);
    };
    const log = (event: ServerEvent): void => {
      if (event.type === "login-refused") attempted = true;
      if (event.type === "closed" && waiting) {
        const offence = offenceOf(event.error, attempted);
        if (offence !== undefined) sources.penalise(source, offence, performance.now());
      }
      if (/* rule: login-settles */ event.type === "login" || event.type === "closed") settled();
      this.#log({ ...origin, ...event });
    };
    const connection = serveDuplex(
      socketDuplex(socket),
      // What is spread stands last: else V8 would give each connection's options a hidden class of their own.
      { remoteAddress: origin.remoteAddress, log, ...this.#serve },
      (channel, start) => new NodeSession(channel, start, endpointsOf(socket, origin)),
    );
    this.#connections.add(connection);
    void connection.ended.then(() => {
      settled();
      this.#connections.delete(connection);
    });
  }

  #dropReason(source: string | undefined): DropReason | undefined {
    const { maxConnections = Number.POSITIVE_INFINITY } = this.#options;
    const { sources } = this.#perSource;
    if (this.#connections.size >= maxConnections) return "max-connections";
    // The connections of other sources count in part, but their number is bounded all the same.
    const full = this.#unauthenticated >= this.#earlyDrop.full;
    const percent = dropPercentage(
      /* rule: source-pressure */ full ? this.#unauthenticated : sources.pressure(source),
      this.#earlyDrop,
    );
    if (percent > 0 && /* rule: random-drop */ randomInt(100) < percent) return "max-unauthenticated";
    return sources.refusal(source, performance.now());
  }

  #log(event: ListenEvent): void {
    try {
      this.#options.log?.(event);
    } catch {
      // A log that fails must not end what it logs.
    }
  }
}

/** How probable it is, in percent, that one more than so many connections without a login is dropped: as sshd reckons. */
export function dropPercentage(unauthenticated: number, { start, rate, full }: RandomEarlyDrop): number {
  if (unauthenticated < start) return 0;
  // rule: full-drops-all
  if (unauthenticated >= full) return 100;
  return rate + ((100 - rate) * (unauthenticated - start)) / (full - start);
}

/** Where a session comes from and to. Asked for when one begins: most connections that are open rest. */
function endpointsOf(socket: Socket, remote: Pick<Endpoints, "remoteAddress" | "remotePort">): Endpoints {
  const { localAddress = "", localPort = 0 } = socket;
  const { remoteAddress, remotePort } = remote;
  return { remoteAddress, remotePort, localAddress: plainAddress(localAddress), localPort };
}

/** What a connection did that ended without a login; `undefined` when the server ended it, or failed. */
function offenceOf({ code }: SshError, attempted: boolean): Offence | undefined {
  if (code === "closed" || code === "aborted" || code === "internal") return undefined;
  if (code === "auth-timeout") return "graceExceeded";
  return attempted ? "authFail" : "noAuth";
}

function listenError(host: string, port: number, cause: NodeJS.ErrnoException): SshError {
  const reasons: Readonly<Record<string, string>> = {
    EADDRINUSE: "the port is in use already: is another server running?",
    EACCES: "permission denied: ports below 1024 are for the administrator",
    EADDRNOTAVAIL: "this machine has no such address",
  };
  const reason = reasons[cause.code ?? ""] ?? escapeText(cause.message);
  return new SshError("listen-failed", `cannot listen at ${escapeText(host)} port ${port}: ${reason}`, { cause });
}
