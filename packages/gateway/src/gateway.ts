import { createHash } from "node:crypto";
import type { Server as HttpServer, IncomingMessage, ServerResponse } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { TUNNEL_SUBPROTOCOL } from "@nacre/tunnel";
import { MAX_MILLISECONDS, SshError } from "@nacre/wire";
import { WebSocketServer } from "ws";
import { Arrival } from "./arrival.ts";
import { attachPaths, refuseUpgrade } from "./attach-paths.ts";
import { checkGatewayOptions } from "./check-options.ts";
import { Clients } from "./clients.ts";
import { closeWebSocket } from "./close-web-socket.ts";
import type { GatewayContext, Peer } from "./context.ts";
import { Destinations, parseTarget, type Target } from "./destinations.ts";
import type { GatewayEvent } from "./events.ts";
import { GatewayWebSocket } from "./gateway-web-socket.ts";
import { type GatewayLimits, gatewayLimits } from "./limits.ts";
import { lookupWithin } from "./lookups.ts";
import { Metrics } from "./metrics.ts";
import type { Gateway, GatewayOptions, Ticket, TicketGrant } from "./options.ts";
import { Pending } from "./pending.ts";
import { type Refusal, RequestCheck, type Requester } from "./request-check.ts";
import { cookieSession } from "./session-cookie.ts";
import { TicketRoute } from "./ticket-route.ts";
import { memoryTicketStore } from "./ticket-store.ts";
import { Tickets } from "./tickets.ts";
import { MAX_CHUNKS, MAX_FRAGMENTS, MAX_MESSAGE_LENGTH, WEB_SOCKET_CLOSE_TIME } from "./web-socket-bounds.ts";

/** Longest interval between two checks of the timeouts, in milliseconds. */
const MAX_TICK = 1000;

/** Number of checks within the shortest timeout. */
const TICKS_PER_TIME = 4;

/** Bytes by which the send buffers of all tunnels together may grow. */
const GROWTH = 256 * 1024 * 1024;

/** Length of `GatewayContext.idPrefix` of a gateway with an address, in bytes. */
const ID_PREFIX = 4;

/** Subprotocol of plain WebSockets. A WebSocket without a subprotocol is plain too. */
const PLAIN_SUBPROTOCOL = "binary";

/** Creates a gateway. It does not listen itself: `attach` it to an HTTP server. Throws `usage` for invalid options. */
export function createGateway(options: GatewayOptions): Gateway {
  checkGatewayOptions(options);
  return new WebSocketGateway(options);
}

class WebSocketGateway implements Gateway {
  readonly #options: GatewayOptions;
  readonly #context: GatewayContext;
  readonly #check: RequestCheck;
  readonly #pending: Pending;
  readonly #plain: Target | undefined;
  readonly #server: InstanceType<typeof WebSocketServer<typeof GatewayWebSocket>>;
  readonly #route: TicketRoute;
  readonly #sessionOf: (request: IncomingMessage) => string | undefined;
  /** Listener of each WebSocket's "close" event. */
  readonly #onWebSocketClosed: (this: unknown) => void;
  readonly #detach: (() => void)[] = [];
  #timer: NodeJS.Timeout | undefined;
  #connections = 0;
  #closing: Promise<void> | undefined;
  /** Time at which `close` ends the remaining connections. */
  #endAt: number = Number.POSITIVE_INFINITY;

  constructor(options: GatewayOptions) {
    const { address = "", sessionOf = cookieSession, lookup } = options;
    const limits = gatewayLimits(options.limits);
    const metrics = new Metrics();
    const sockets = new Set<Socket>();
    const webSockets = new Set<GatewayWebSocket>();
    this.#options = options;
    this.#check = new RequestCheck(options);
    this.#pending = new Pending(limits.maxPending);
    this.#sessionOf = (request) => {
      try {
        return sessionOf(request);
      } catch {
        // Thrown from the server's "upgrade" event, it would end the process.
        return undefined;
      }
    };
    this.#context = {
      limits,
      destinations: new Destinations(options.allow, lookup && lookupWithin(limits.connectTimeout, lookup)),
      tickets: new Tickets(options.tickets ?? memoryTicketStore(), limits),
      clients: new Clients(limits, steadyNow()),
      relays: new Set(),
      sockets,
      onSocketClosed() {
        sockets.delete(this);
      },
      webSockets,
      tunnels: new Map(),
      metrics,
      growth: { spare: GROWTH },
      memory: { used: 0, most: limits.maxBufferedBytes },
      idPrefix: address === "" ? Buffer.alloc(0) : hash(address).subarray(0, ID_PREFIX),
      address,
      now: steadyNow,
      log: (event) => this.#log(event),
      eventPeer: ({ connection, remoteAddress, origin }) => ({ connection, remoteAddress, origin }),
    };
    this.#onWebSocketClosed = function (): void {
      webSockets.delete(this as GatewayWebSocket);
    };
    const plain = options.plain === undefined ? undefined : parseTarget("plain", options.plain);
    this.#plain = plain && this.#allowed(plain);
    const authorize = options.authorize ?? (() => false);
    this.#route = new TicketRoute({
      context: this.#context,
      check: this.#check,
      authorize,
      sessionOf: this.#sessionOf,
    });
    this.#server = new WebSocketServer({
      noServer: true,
      WebSocket: GatewayWebSocket,
      clientTracking: false,
      // rule: no-compression
      perMessageDeflate: false,
      // rule: message-size
      maxPayload: MAX_MESSAGE_LENGTH,
      ...untypedOptions(limits),
      handleProtocols: (offered) => subprotocolOf(offered) ?? false,
    });
  }

  get connections(): number {
    return this.#context.clients.connections;
  }

  attach(server: HttpServer | HttpsServer): void {
    if (this.#closing !== undefined) throw new SshError("closed", "the gateway is closed");
    const { path = "/ssh", ticketPath = "/ssh/ticket", metricsPath } = this.#options;
    this.#detach.push(
      attachPaths(server, {
        request: {
          [path]: (_, response) => void response.writeHead(426, { upgrade: "websocket" }).end(),
          [ticketPath]: (request, response) => void this.#route.handle(request, response),
          ...(metricsPath !== undefined && {
            [metricsPath]: (request, response) => this.#sendMetrics(request, response),
          }),
        },
        upgrade: { [path]: (request, socket, head) => this.#upgrade(request, socket, head) },
      }),
    );
    this.#timer ??= setInterval(() => this.#tick(), tickOf(this.#context.limits)).unref();
  }

  async issueTicket(grant: TicketGrant): Promise<Ticket> {
    const { origin, session, user } = grant;
    if (!this.#check.allowsOrigin(origin === "" ? undefined : origin))
      throw new SshError("usage", `tickets for pages of ${origin} are useless: name it in \`origins\``);
    return this.#context.tickets.issue({ origin, session, user, ...this.#allowed(grant) });
  }

  async revokeTicket(ticket: string): Promise<void> {
    await this.#context.tickets.revoke(ticket);
  }

  metrics(): string {
    const { clients, metrics, memory } = this.#context;
    return metrics.format({
      connections: clients.connections,
      pending: this.#pending.size,
      clients: clients.size,
      parkedBytes: clients.parkedBytes,
      bufferedBytes: memory.used,
    });
  }

  close({ grace = 0 }: { readonly grace?: number | undefined } = {}): Promise<void> {
    this.#endAt = Math.min(this.#endAt, performance.now() + grace);
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { relays, webSockets, sockets } = this.#context;
    this.#pending.closeAll();
    while (relays.size > 0 && performance.now() < this.#endAt) await soon();
    for (const detach of this.#detach.splice(0)) detach();
    for (const relay of relays) relay.end("shutdown");
    for (const ws of webSockets) closeWebSocket(ws, "shutdown");
    const giveUpAt = performance.now() + 2 * WEB_SOCKET_CLOSE_TIME;
    while (webSockets.size + sockets.size > 0 && performance.now() < giveUpAt) await soon();
    for (const ws of webSockets) ws.terminate();
    for (const socket of sockets) socket.destroy();
    clearInterval(this.#timer);
  }

  /** Returns a destination that the application named. Throws `usage` if `allow` does not permit it. */
  #allowed({ host, port }: Target): Target {
    try {
      return this.#context.destinations.target(host, port);
    } catch (error) {
      throw new SshError("usage", (error as Error).message);
    }
  }

  #log(event: GatewayEvent): void {
    this.#context.metrics.count(event);
    try {
      this.#options.log?.(event);
    } catch {
      // An exception in the application's `log` must not end connections.
    }
  }

  #tick(): void {
    const now = this.#context.now();
    this.#pending.tick(now);
    for (const relay of this.#context.relays) relay.tick(now);
    this.#context.clients.sweep(now);
  }

  #sendMetrics(request: IncomingMessage, response: ServerResponse): void {
    const refused = this.#check.hostRefusal(request);
    // rule: metrics-host
    if (refused !== undefined) return void response.writeHead(refused.status).end();
    response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" }).end(this.metrics());
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const requester = this.#check.requester(request);
    const refused = this.#refusal(request, requester);
    if (refused === undefined) {
      this.#server.handleUpgrade(request, socket, head, (ws) => this.#arrived(ws, request, requester));
      return;
    }
    const { remoteAddress, origin } = requester;
    const { reason, detail, status } = refused;
    this.#log({ type: "refused", remoteAddress, origin, route: "websocket", reason, detail });
    refuseUpgrade(socket, status, reason);
  }

  #refusal(request: IncomingMessage, requester: Requester): Refusal | undefined {
    const { clients, now } = this.#context;
    if (this.#closing !== undefined) return { reason: "shutdown", status: 503, detail: "the gateway shuts down" };
    // Before counting, so that another site's page cannot use up the rate of its visitor's address.
    const refused = this.#check.webSocketRefusal(request, requester) ?? this.#subprotocolRefusal(request);
    if (!clients.mayBegin(requester.client, now(), refused !== undefined))
      return { reason: "rate", status: 429, detail: "too many new connections" };
    return refused;
  }

  #subprotocolRefusal(request: IncomingMessage): Refusal | undefined {
    const detail = `${TUNNEL_SUBPROTOCOL} was not offered, and plain mode is off`;
    // rule: plain-off
    if (this.#plain === undefined && this.#isPlain(request)) return { reason: "subprotocol", status: 400, detail };
    return undefined;
  }

  #isPlain({ headers }: IncomingMessage): boolean {
    const offered = (headers["sec-websocket-protocol"] ?? "").split(",").map((name) => name.trim());
    return !offered.includes(TUNNEL_SUBPROTOCOL);
  }

  #arrived(ws: GatewayWebSocket, request: IncomingMessage, requester: Requester): void {
    const { webSockets } = this.#context;
    webSockets.add(ws);
    ws.on("close", this.#onWebSocketClosed);
    ws.listen();
    const peer: Peer = { ...requester, connection: ++this.#connections, session: this.#sessionOf(request) };
    const arrival = new Arrival(this.#context, this.#pending, ws, peer);
    if (ws.protocol !== TUNNEL_SUBPROTOCOL && this.#plain !== undefined) arrival.openPlain(this.#plain);
    else arrival.waitForMessage();
  }
}

/** Returns options of `ws` that are missing from its types. */
function untypedOptions({ maxUnreadPongs }: GatewayLimits): object {
  return {
    closeTimeout: WEB_SOCKET_CLOSE_TIME,
    // rule: message-parts
    maxFragments: MAX_FRAGMENTS,
    maxBufferedChunks: MAX_CHUNKS,
    // rule: unread-pongs
    maxPendingAutoPongs: maxUnreadPongs,
  };
}

function subprotocolOf(offered: ReadonlySet<string>): string | undefined {
  return [TUNNEL_SUBPROTOCOL, PLAIN_SUBPROTOCOL].find((name) => offered.has(name));
}

function tickOf({ firstMessageTimeout, pingInterval, idleTimeout, maxTime, resumeTime }: GatewayLimits): number {
  const shortest = Math.min(firstMessageTimeout, pingInterval, idleTimeout, maxTime, resumeTime || MAX_MILLISECONDS);
  return Math.max(1, Math.min(MAX_TICK, shortest / TICKS_PER_TIME));
}

function steadyNow(): number {
  return performance.now();
}

function hash(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

async function soon(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 10));
}
