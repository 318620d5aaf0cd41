import { randomInt } from "node:crypto";
import { createServer, type Server, type Socket } from "node:net";
import { plainAddress } from "@nacre/keyfiles/internal";
import { completeLimits, escapeText, SshError } from "@nacre/wire";
import {
  checkOptions,
  chooseAlgorithms,
  describeCertificate,
  offeredAlgorithms,
  type ServeOptions,
  type ServerConnection,
  type ServerEvent,
  type ServerProvider,
  withDescriptions,
} from "nacre/extend";
import { checkServeOptions, SERVER_LIMITS, serveDuplex, serverMethods } from "nacre/internal-on-demand";
import { nodeAlgorithms, nodeServerAlgorithms, nodeUserKeys } from "../crypto/algorithms.ts";
import { nodeRandom } from "../crypto/bytes.ts";
import { fingerprint } from "../crypto/fingerprint.ts";
import { loadAlgorithms } from "../crypto/load.ts";
import { TCP_KEEPALIVE_DELAY } from "../net/dial.ts";
import { listenError } from "../net/failure.ts";
import { acceptedDuplex } from "../net/socket-duplex.ts";
import {
  LISTEN_OPTIONS,
  type ListenEvent,
  type ListenOptions,
  MAX_UNAUTHENTICATED,
  type RandomEarlyDrop,
} from "./listen-options.ts";
import { delayRefusals } from "./login-delay.ts";
import { type Offence, type PerSource, perSource } from "./per-source.ts";
import { type Endpoints, NodeSession } from "./session.ts";

type DropReason = Extract<ListenEvent, { type: "dropped" }>["reason"];

/** Implements `listen`. */
export async function openServer(options: ListenOptions): Promise<SshServer> {
  // An untyped caller may pass no options.
  checkOptions({ ...options }, LISTEN_OPTIONS, "`listen`");
  const { host = "127.0.0.1", port, maxUnauthenticated = MAX_UNAUTHENTICATED, signal } = options;
  const table = perSource(options.perSource, maxUnauthenticated);
  const complete = await withServerProvider(options);
  checkServeOptions(complete);
  await loadAlgorithms(complete.algorithms);
  if (signal?.aborted) throw new SshError("aborted", "listening was aborted", { cause: signal.reason });

  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => reject(listenError(`${host} port ${port}`, cause)));
    server.listen({ host, port }, resolve);
  });
  server.removeAllListeners("error");
  return new SshServer(server, complete, maxUnauthenticated, table);
}

async function withServerProvider(options: ListenOptions): Promise<ListenOptions & ServerProvider> {
  const { defaults, known, allKeys } =
    options.crypto === "noble"
      ? await nobleDefaults()
      : { defaults: nodeServerAlgorithms, known: nodeAlgorithms, allKeys: nodeUserKeys };
  const { userKeys = allKeys, random = nodeRandom, wasm } = options;
  const algorithms = offeredAlgorithms({ algorithms: chooseAlgorithms(options.algorithms, defaults, known), wasm });
  return {
    ...options,
    algorithms,
    userKeys,
    random,
    fingerprint,
    loginMethods: serverMethods,
    trace: withDescriptions(options.trace, describeCertificate),
  };
}

/** Returns what is used in place of the algorithms on `node:crypto`. */
async function nobleDefaults() {
  const [{ defaultServerAlgorithms, defaultAlgorithms }, { defaultSignatureAlgorithms, defaultCertificateAlgorithms }] =
    await Promise.all([import("nacre/defaults"), import("@nacre/keys")]);
  return {
    defaults: defaultServerAlgorithms,
    known: defaultAlgorithms,
    allKeys: defaultSignatureAlgorithms.concat(defaultCertificateAlgorithms),
  };
}

/** A listening SSH server. */
export class SshServer implements AsyncDisposable {
  /** Listening address and port. */
  readonly address: { readonly host: string; readonly port: number };
  /** Resolves after the server and all its connections are closed. Never rejects. */
  readonly closed: Promise<void>;
  readonly #server: Server;
  readonly #options: ListenOptions;
  /** Options shared by all connections. */
  readonly #serve: ServeOptions<NodeSession> & ServerProvider;
  readonly #earlyDrop: RandomEarlyDrop;
  readonly #perSource: PerSource;
  readonly #stopDelays: () => void;
  readonly #connections = new Set<ServerConnection>();
  #unauthenticated = 0;
  #accepted = 0;

  /** For internal use; call `listen` instead. */
  constructor(server: Server, options: ListenOptions & ServerProvider, earlyDrop: RandomEarlyDrop, table: PerSource) {
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
      // "close" also waits for the last socket to close.
      server.once("close", () => {
        options.signal?.removeEventListener("abort", onAbort);
        resolve();
      });
    });
    server.on("connection", (socket) => {
      // Set here because Deno ignores some options of `createServer`.
      socket.setNoDelay(true);
      socket.setKeepAlive(true, TCP_KEEPALIVE_DELAY);
      this.#onConnection(socket);
    });
    server.on("error", (cause) =>
      this.#log({
        type: "accept-failed",
        error: new SshError("listen-failed", `cannot accept a connection: ${escapeText(cause.message)}`, {
          cause,
        }),
      }),
    );
  }

  /** Open connections, including those without a login. */
  get connections(): readonly ServerConnection[] {
    return [...this.#connections];
  }

  /**
   * Stops accepting connections and closes the open ones. Connections without a login or without a running session close immediately.
   * Others close when their sessions end, or after `grace` milliseconds; default 0. Resolves when everything is released.
   */
  async close(options: { readonly grace?: number | undefined } = {}): Promise<void> {
    if (this.#server.listening) this.#server.close();
    this.#stopDelays();
    await Promise.all(this.connections.map((connection) => connection.close(options)));
    await this.closed;
  }

  /** Calls `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #onConnection(socket: Socket): void {
    const { remoteAddress, remotePort = 0 } = socket;
    // The client disconnected before the connection was handled.
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
      if (event.type === "login-refused" && event.method !== "none") attempted = true;
      if (event.type === "closed" && waiting) {
        const offence = offenceOf(event.error, attempted);
        if (offence !== undefined) sources.penalise(source, offence, performance.now());
      }
      if (/* rule: login-settles */ event.type === "login" || event.type === "closed") settled();
      this.#log({ ...origin, ...event });
    };
    const connection = serveDuplex(
      acceptedDuplex(socket),
      // Keep the spread last: otherwise V8 gives each connection's options their own hidden class.
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
    // `pressure` counts other sources only in part, but the total limit `full` still applies.
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
      (this.#options.log ?? warnOfExceptions)(event);
    } catch {
      // An exception of the log callback must not end the connection.
    }
  }
}

/** Returns the probability in percent of dropping a new connection while this many have no login, computed as in sshd. */
export function dropPercentage(unauthenticated: number, { start, rate, full }: RandomEarlyDrop): number {
  if (unauthenticated < start) return 0;
  // rule: full-drops-all
  if (unauthenticated >= full) return 100;
  return rate + ((100 - rate) * (unauthenticated - start)) / (full - start);
}

/** Returns the endpoints of a session. Read when a session starts, because most open connections are idle and never need them. */
function endpointsOf(socket: Socket, remote: Pick<Endpoints, "remoteAddress" | "remotePort">): Endpoints {
  const { localAddress = "", localPort = 0 } = socket;
  const { remoteAddress, remotePort } = remote;
  return { remoteAddress, remotePort, localAddress: plainAddress(localAddress), localPort };
}

/** Returns the offence of a connection that ended without a login, or `undefined` if the server ended it or failed. */
function offenceOf({ code }: SshError, attempted: boolean): Offence | undefined {
  if (code === "closed" || code === "aborted" || code === "internal") return undefined;
  if (code === "auth-timeout") return "graceExceeded";
  return attempted ? "authFail" : "noAuth";
}

/** The `log` of a server without one: reports exceptions of `authenticate` and of session handlers as process warnings. */
export function warnOfExceptions(event: ListenEvent): void {
  const callback = callbackOf(event);
  if (callback === undefined || !("error" in event)) return;
  const { error } = event;
  // The client gave up, or broke a stream that the handler used.
  if (error instanceof SshError && error.culprit === "peer") return;
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  // An exception may repeat text of the client.
  const detail = escapeText(stack, { keepLines: true });
  const message = `${callback} of a server failed: ${escapeText(String(error))}; set \`log\` to handle it`;
  process.emitWarning(message, { type: "NacreWarning", detail });
}

/** Returns the name of the callback that may have caused the event. */
function callbackOf(event: ListenEvent): string | undefined {
  if (event.type === "login-refused") return "`authenticate`";
  // Without an exit, the client ended the session before its handler.
  return event.type === "session-ended" && event.exit !== undefined ? "`session`" : undefined;
}
