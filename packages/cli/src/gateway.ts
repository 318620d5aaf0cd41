import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { createGateway, formatEvent, type Gateway, type GatewayEvent, type TicketStore } from "@nacre/gateway";
import { expandHome } from "@nacre/node";
import { escapeText, SshError } from "@nacre/wire";
import { GATEWAY_OPTIONS, type GatewayArguments, parseGatewayArguments } from "./gateway-arguments.ts";
import { issueRoute } from "./gateway-issue.ts";
import { GATEWAY_HELP } from "./help.ts";
import { asksForHelp, usage } from "./options.ts";

/** Milliseconds that connections have to end after the first signal. */
const STOP_GRACE = 30_000;

/** Bounds of HTTP, before there is a WebSocket. Times are milliseconds. */
const HTTP = {
  headersTimeout: 5000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5000,
  connectionsCheckingInterval: 1000,
  maxHeaderSize: 16_384,
} as const;

/** TCP connections beyond the gateway's own bounds: those that have not sent a request yet. */
const MAX_SILENT = 20_000;

/** `nacre gateway`: from WebSocket to TCP, until a signal ends it. Returns the exit status. */
export async function gateway(words: readonly string[]): Promise<number> {
  if (asksForHelp(words, GATEWAY_OPTIONS)) {
    process.stdout.write(GATEWAY_HELP);
    return 0;
  }
  const parsed = parseGatewayArguments(words);
  const log = (event: GatewayEvent): void => write(formatEvent(event, parsed.log, new Date()));
  const note = (event: string, fields: Readonly<Record<string, unknown>>): void => {
    const time = new Date().toISOString();
    const shown = Object.values(fields).map((value) => escapeText(String(value)));
    write(parsed.log === "json" ? JSON.stringify({ time, event, ...fields }) : [time, event, ...shown].join(" "));
  };

  const token = parsed.issueToken === undefined ? undefined : await readToken(parsed.issueToken);
  const server = await makeServer(parsed);
  const tickets = parsed.tickets === undefined ? undefined : await openTickets(parsed.tickets);
  let made: Gateway | undefined;
  try {
    // Before the gateway, whose paths come first.
    if (token !== undefined)
      server.on(
        "request",
        issueRoute(`${parsed.path}/issue`, token, () => made!),
      );
    const { port } = await listen(server, parsed);
    made = makeGateway(parsed, port, tickets, token === undefined, log);
    made.attach(server);
    note("listening", {
      url: `${parsed.certificate ? "wss" : "ws"}://${bracketed(parsed.listen)}:${port}${parsed.path}`,
    });
    await untilStopped(made, note);
  } finally {
    server.close();
    server.closeAllConnections();
    tickets?.close();
  }
  note("stopped", {});
  return 0;
}

function write(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function makeServer({ certificate }: GatewayArguments): Promise<Server> {
  if (certificate === undefined) return createServer(HTTP);
  const [cert, key] = await Promise.all([readText(certificate.cert), readText(certificate.key)]);
  try {
    return createTlsServer({ ...HTTP, cert, key });
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
    // The command names the pages and the destinations; SSH decides who logs in there.
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

/** The hosts of the origins, and this machine's own names where only it can connect. */
function defaultHosts({ origins, listen }: GatewayArguments, port: number): string[] {
  const hosts = origins.filter((origin) => URL.canParse(origin)).map((origin) => new URL(origin).host);
  const isLoopback = ["127.0.0.1", "::1", "localhost"].includes(listen);
  return isLoopback ? [...hosts, `localhost:${port}`, `${bracketed(listen)}:${port}`] : hosts;
}

async function listen(server: Server, { listen: host, port }: GatewayArguments): Promise<AddressInfo> {
  server.maxConnections = MAX_SILENT;
  server.listen(port, host);
  try {
    await once(server, "listening");
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new SshError("listen-failed", `cannot listen at ${escapeText(host)} port ${port}: ${why}`, { cause });
  }
  return server.address() as AddressInfo;
}

/** Closes the gateway after SIGINT, SIGTERM or SIGHUP; a second one ends what is still open at once. */
async function untilStopped(
  gateway: Gateway,
  note: (event: string, fields: Readonly<Record<string, unknown>>) => void,
): Promise<void> {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  await new Promise<void>((resolve) => {
    let isStopping = false;
    const stop = (signal: NodeJS.Signals): void => {
      if (isStopping || signal === "SIGHUP") return resolve();
      isStopping = true;
      note("stopping", { signal, connections: gateway.connections });
      void gateway.close({ grace: STOP_GRACE }).then(resolve);
    };
    for (const signal of signals) process.on(signal, stop);
  });
  await gateway.close();
}

/** The package `redis` is not installed with the command. */
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
    // The URL may hold a password.
    const why = (cause as NodeJS.ErrnoException).code ?? "it does not answer as Valkey or Redis does";
    throw new SshError("connection-failed", `--tickets: cannot connect to the ticket store: ${why}`, { cause });
  }
}

/** Reads the token of `--issue-token`: one line, long enough not to be guessed. */
async function readToken(path: string): Promise<string> {
  const token = (await readText(path)).trim();
  // rule: issue-token-length
  if (!/^[!-~]{32,}$/.test(token))
    throw usage(`${escapeText(path)} needs a token of at least 32 characters on one line: openssl rand -hex 32`);
  return token;
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(expandHome(path), "utf8");
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? "";
    throw new SshError("file-unreadable", `cannot read ${escapeText(path)}: ${why}`, { cause });
  }
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}
