import type { Server as HttpServer, IncomingMessage } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Overrides } from "@nacre/wire";
import type { GatewayEvent } from "./events.ts";
import type { GatewayLimits } from "./limits.ts";
import type { Lookup } from "./lookups.ts";
import type { TicketStore } from "./ticket-store.ts";

/** Options of `createGateway`. The gateway refuses everything that they do not allow. */
export interface GatewayOptions {
  /** Origins of pages that may connect, compared exactly: `["https://app.example.org"]`. `null` and patterns throw `usage`. */
  readonly origins: readonly string[];
  /**
   * Allowed destinations: `"ssh.example.org:22"`, `"[2001:db8::1]:22"`, or `"*:22"` for every public host. A name may resolve only to
   * public addresses, unless the entry adds networks: `"db.internal:22=10.0.0.0/8"`. An entry with an IP address allows that address,
   * public or not.
   */
  readonly allow: readonly string[];
  /** Decides whether a page gets a ticket at `ticketPath`. Default: always refuses. */
  readonly authorize?: Authorize | undefined;
  /** Accepted values of the `Host` header. Default: the hosts of `origins`. */
  readonly hosts?: readonly string[] | undefined;
  /**
   * Returns the HTTP session of a request, such as the id of a user's login. Tickets and resumed connections are bound to it. A throw
   * counts as `undefined`, a request without one. Default: that of the gateway's own cookie, `__Host-nacre`.
   */
  readonly sessionOf?: ((request: IncomingMessage) => string | undefined) | undefined;
  /** Store of tickets. Default: memory. For several gateways behind a load balancer, see `@nacre/gateway/redis`. */
  readonly tickets?: TicketStore | undefined;
  /** Path of the WebSocket. Default `"/ssh"`. */
  readonly path?: string | undefined;
  /** Path at which pages request tickets. Default `"/ssh/ticket"`. */
  readonly ticketPath?: string | undefined;
  /** Path of the Prometheus metrics, readable without authentication at the hosts of `hosts`. Default: none. */
  readonly metricsPath?: string | undefined;
  /**
   * Destination of plain WebSockets (subprotocol `binary` or none), which carry bytes without tickets and resuming, like `websockify`.
   * Every visitor of a page of `origins` can connect to it. `allow` must permit it. Default: plain WebSockets are refused.
   */
  readonly plain?: string | undefined;
  /** URL at which clients resume connections of this process; set it behind a load balancer. Default: the URL that the client opened. */
  readonly address?: string | undefined;
  /** Accepts WebSockets without `Origin`. Browsers always send one; programs often do not. Default false. */
  readonly allowMissingOrigin?: boolean | undefined;
  /** Accepts `ws:` from other machines. Default false: only `wss:`, or `ws:` over loopback. */
  readonly allowInsecure?: boolean | undefined;
  /** Addresses and networks of proxies. The gateway trusts `X-Forwarded-For` and `X-Forwarded-Proto` only from these. Default: none. */
  readonly trustedProxies?: readonly string[] | undefined;
  /**
   * Resolves host names to IP addresses. Default: the system's resolver. At most 64 calls run at a time, and two lookups by the system. A
   * call that has not settled within `connectTimeout` is given up and makes room for another. Clients wait in line, and each has at most
   * half of what the others leave. If `allow` lists host names, half of the lookups are kept free for these.
   */
  readonly lookup?: Lookup | undefined;
  /** Limits that differ from the defaults. */
  readonly limits?: Overrides<GatewayLimits> | undefined;
  /** Called with each event. Exceptions that it throws are ignored. */
  readonly log?: ((event: GatewayEvent) => void) | undefined;
}

/** Decides whether a page gets a ticket. A throw or a rejection counts as false. */
export type Authorize = (request: TicketRequest) => Decision | Promise<Decision>;

/** True or `{ user }` issues a ticket; false refuses it. Events of the connection contain `user`. */
export type Decision = boolean | { readonly user: string };

/** A page's request for a ticket. The gateway has already checked `Origin`, `Host`, the HTTP session and the CSRF token. */
export interface TicketRequest {
  /** HTTP request, including the application's cookies. */
  readonly request: IncomingMessage;
  readonly origin: string;
  readonly host: string;
  readonly port: number;
  /** HTTP session that `sessionOf` returned. */
  readonly session: string;
  /** IP address of the client. */
  readonly remoteAddress: string;
}

/** The page, destination and HTTP session for which a ticket is valid. */
export interface TicketGrant {
  /** Origin of the page that will connect. */
  readonly origin: string;
  /** Host of the destination, as the page names it in its request. */
  readonly host: string;
  readonly port: number;
  /** HTTP session that `sessionOf` returns for the page's WebSocket; `undefined` to issue a ticket for any session. */
  readonly session: string | undefined;
  /** User name for the events of the connection. */
  readonly user?: string | undefined;
}

/** A one-time ticket. */
export interface Ticket {
  /** Secret of 43 characters. Send it only to the page, and never in a URL. */
  readonly ticket: string;
  /** Milliseconds for which the ticket is valid. */
  readonly expiresIn: number;
}

/** A gateway from WebSockets to SSH servers. */
export interface Gateway {
  /**
   * Handles the gateway's paths on a server. Other requests and upgrades go to the server's existing listeners, or get status 404 if it has
   * none. Listeners added later get those of all paths. Of several gateways with the same path, the last attached has it. Throws `closed`
   * after `close`.
   */
  attach(server: HttpServer | HttpsServer): void;
  /**
   * Issues a ticket without calling `authorize`: the application decides. Rejects with `usage` if `origins` or `allow` does not match, with
   * `gateway-refused` if the ticket store fails or is full, and with `connect-timeout` if it does not answer.
   */
  issueTicket(grant: TicketGrant): Promise<Ticket>;
  /** Revokes a ticket. Rejects as `issueTicket` does if the ticket store fails. */
  revokeTicket(ticket: string): Promise<void>;
  /** Number of open connections, including parked ones. */
  readonly connections: number;
  /** Returns the metrics in the Prometheus text format. */
  metrics(): string;
  /**
   * Refuses new connections, ends the others after `grace` milliseconds (default 0), and resolves when all sockets are closed. A second
   * call can shorten `grace`.
   */
  close(options?: { readonly grace?: number | undefined }): Promise<void>;
}
