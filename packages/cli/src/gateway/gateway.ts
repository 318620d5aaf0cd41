import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { createGateway, type Gateway, type GatewayEvent, gatewayLimits, type TicketStore } from "@nacre/gateway";
import { expandHome, readSecretFile } from "@nacre/node";
import { listenError, showPath } from "@nacre/node/extend";
import { SshError, utf8DecodeLossy } from "@nacre/wire";
import { GATEWAY_HELP } from "../help.ts";
import { asksForHelp, usage } from "../options.ts";
import { GATEWAY_OPTIONS, type GatewayArguments, parseGatewayArguments } from "./gateway-arguments.ts";
import { issueRoute } from "./gateway-issue.ts";
import { type GatewayLog, gatewayLog } from "./gateway-log.ts";
import { limitSockets } from "./gateway-sockets.ts";

/** Milliseconds for connections to end after the first signal. */
const STOP_GRACE = 30_000;

/** Limits of HTTP requests, before a WebSocket opens. Times are in milliseconds, sizes in bytes. */
const HTTP = {
  headersTimeout: 5000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 1000,
  maxHeaderSize: 16_384,
} as const;

/** Time for a TLS client to complete its handshake, in milliseconds. */
const HANDSHAKE_TIMEOUT = 5000;

/** Most TCP connections beyond `maxConnections`. The gateway's own limits do not count connections that have not sent a request. */
const MAX_SILENT = 10_000;

/**
 * Most TCP connections of one client beyond `maxConnectionsPerClient`: of a browser that loads a page, or of WebSockets that are opening.
 */
const SPARE_SOCKETS = 64;

/** Runs `nacre gateway`, which relays WebSockets to TCP, until a signal. Resolves to the exit status. */
export async function gateway(words: readonly string[]): Promise<number> {
  if (asksForHelp(words, GATEWAY_OPTIONS)) {
    process.stdout.write(GATEWAY_HELP);
    return 0;
  }
  const parsed = parseGatewayArguments(words);
  const { maxConnections, maxConnectionsPerClient } = gatewayLimits(parsed.limits);
  const log = gatewayLog(parsed.log, (line) => process.stderr.write(`${line}\n`));

  const token = parsed.issueToken === undefined ? undefined : await readToken(parsed.issueToken);
  const server = await makeServer(parsed);
  const tickets = parsed.tickets === undefined ? undefined : await openTickets(parsed.tickets);
  let made: Gateway | undefined;
  try {
    // Add this listener before `attach`, which passes other paths on to the existing listeners.
    if (token !== undefined)
      server.on(
        "request",
        issueRoute(`${parsed.path}/issue`, token, () => made!, log.event),
      );
    server.maxConnections = maxConnections + MAX_SILENT;
    const { trustedProxies } = parsed;
    limitSockets(server, { maxPerClient: maxConnectionsPerClient + SPARE_SOCKETS, trustedProxies });
    const { port } = await listen(server, parsed);
    made = makeGateway(parsed, port, tickets, token === undefined, log.event);
    made.attach(server);
    log.note("listening", {
      url: `${parsed.certificate ? "wss" : "ws"}://${bracketed(parsed.listen)}:${port}${parsed.path}`,
    });
    await untilStopped(made, log);
  } finally {
    server.close();
    server.closeAllConnections();
    tickets?.close();
    log.flush();
  }
  log.note("stopped");
  return 0;
}

async function makeServer({ certificate }: GatewayArguments): Promise<Server> {
  if (certificate === undefined) return createServer(HTTP);
  const [cert, key] = await Promise.all([readText(certificate.cert), readSecretFile(certificate.key)]);
  try {
    return createTlsServer({ ...HTTP, handshakeTimeout: HANDSHAKE_TIMEOUT, cert, key: Buffer.from(key) });
  } catch (cause) {
    throw new SshError("file-malformed", "--cert and --key are not a certificate and its private key in PEM", {
      cause,
    });
  }
}

function makeGateway(
  parsed: GatewayArguments,
  port: number,
  tickets: TicketStore | undefined,
  pagesAsk: boolean,
  log: (event: GatewayEvent) => void,
): Gateway {
  const { origins, allow, path, plain, address, trustedProxies, allowInsecure, allowMissingOrigin, limits } = parsed;
  return createGateway({
    origins,
    hosts: parsed.hosts.length > 0 ? parsed.hosts : defaultHosts(parsed, port),
    allow,
    // Without a token any page of `--origin` may reach any destination of `--allow`; the SSH server checks the login.
    authorize: () => pagesAsk,
    path,
    ticketPath: `${path}/ticket`,
    metricsPath: parsed.metrics ? "/metrics" : undefined,
    plain,
    address,
    trustedProxies,
    allowInsecure,
    allowMissingOrigin,
    tickets,
    limits,
    log,
  });
}

/** Returns the hosts of the origins. On loopback, adds `localhost` and the address that the command listens on. */
function defaultHosts({ origins, listen }: GatewayArguments, port: number): string[] {
  const hosts = origins.filter((origin) => URL.canParse(origin)).map((origin) => new URL(origin).host);
  const isLoopback = ["127.0.0.1", "::1", "localhost"].includes(listen);
  return isLoopback ? [...hosts, `localhost:${port}`, `${bracketed(listen)}:${port}`] : hosts;
}

async function listen(server: Server, { listen: host, port }: GatewayArguments): Promise<AddressInfo> {
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (cause) {
    throw listenError(`${host} port ${port}`, cause);
  }
  return server.address() as AddressInfo;
}

/** Waits for a signal, then closes the gateway. SIGINT and SIGTERM leave connections time to end; SIGHUP or a second signal does not. */
async function untilStopped(gateway: Gateway, log: GatewayLog): Promise<void> {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  await new Promise<void>((resolve) => {
    let isStopping = false;
    const stop = (signal: NodeJS.Signals): void => {
      if (isStopping || signal === "SIGHUP") return resolve();
      isStopping = true;
      log.note("stopping", { signal, connections: gateway.connections });
      void gateway.close({ grace: STOP_GRACE }).then(resolve);
    };
    for (const signal of signals) process.on(signal, stop);
  });
  await gateway.close();
}

/** Connects to the ticket store. Imports `redis` on demand, because the command does not depend on it. */
async function openTickets(url: string): Promise<TicketStore & { close(): void }> {
  let redis: typeof import("@nacre/gateway/redis");
  try {
    redis = await import("@nacre/gateway/redis");
  } catch (cause) {
    throw new SshError("not-supported-here", "--tickets needs the package redis: npm install redis", { cause });
  }
  try {
    return await redis.connectTicketStore(url);
  } catch (cause) {
    // The error may contain the URL, and the URL a password.
    const { code = "it does not answer as Valkey or Redis does" } = cause as NodeJS.ErrnoException;
    const why = cause instanceof SshError ? cause.message : code;
    throw new SshError("connection-failed", `--tickets: cannot connect to the ticket store: ${why}`, { cause });
  }
}

/** Reads the token of `--issue-token`. Throws `usage` if it is not one line of at least 32 printable characters. */
async function readToken(path: string): Promise<string> {
  const token = utf8DecodeLossy(await readSecretFile(path)).trim();
  // rule: issue-token-length
  if (!/^[!-~]{32,}$/.test(token))
    throw usage(`${showPath(path)} needs a token of at least 32 characters on one line: openssl rand -hex 32`);
  return token;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(expandHome(path), "utf8");
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? "";
    throw new SshError("file-unreadable", `cannot read ${showPath(path)}: ${why}`, { cause });
  }
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
