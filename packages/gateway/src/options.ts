import type { Server as HttpServer, IncomingMessage } from "node:http";
import type { Server as HttpsServer } from "node:https";
import type { Overrides } from "@nacre/wire";
import type { Lookup } from "./destinations.ts";
import type { GatewayEvent } from "./events.ts";
import type { GatewayLimits } from "./limits.ts";
import type { TicketStore } from "./ticket-store.ts";

/** Options of `createGateway`. Everything that they do not allow is refused. */
export interface GatewayOptions {
  /** Origins of pages that may connect, compared exactly: `["https://app.example.org"]`. `null` and patterns are `usage`. */
  readonly origins: readonly string[];
  /**
   * Destinations: `"ssh.example.org:22"`, `"[2001:db8::1]:22"`, `"*:22"` for every public host. A name may only lead to public addresses, unless
   * networks are named: `"db.internal:22=10.0.0.0/8"`. An address that is named itself may be of any kind.
   */
  readonly allow: readonly string[];
  /** Decides who gets a ticket at `ticketPath`. By default no client gets one. */
  readonly authorize?: Authorize | undefined;
  /** Values of `Host` at which this gateway is reached. Default: the hosts of `origins`. */
  readonly hosts?: readonly string[] | undefined;
  /**
   * Names the session of a request, which tickets and resumed connections are bound to: a user's login, say. Default: the gateway's own cookie,
   * `__Host-nacre`.
   */
  readonly sessionOf?: ((request: IncomingMessage) => string | undefined) | undefined;
  /** Where tickets are kept. Default: in memory. See `@nacre/gateway/redis` for several gateways behind a balancer. */
  readonly tickets?: TicketStore | undefined;
  /** Path of the WebSocket. Default `"/ssh"`. */
  readonly path?: string | undefined;
  /** Path of the route that gives tickets to pages. Default `"/ssh/ticket"`. */
  readonly ticketPath?: string | undefined;
  /** Path of the Prometheus metrics, which anyone may read. Default: none. */
  readonly metricsPath?: string | undefined;
  /**
   * Destination of WebSockets that carry bytes without tickets and resuming (subprotocol `binary`, or none), as `websockify` does. Anyone at a page
   * of `origins` may use it. Default: none. `allow` must permit it.
   */
  readonly plain?: string | undefined;
  /** URL at which clients resume connections of this process: its own behind a balancer. Default: the one that they opened. */
  readonly address?: string | undefined;
  /** Accepts WebSockets without `Origin`, which come from programs and not from pages. Default false. */
  readonly allowMissingOrigin?: boolean | undefined;
  /** Accepts `ws:` from other machines. Default false: `wss:`, or loopback. */
  readonly allowInsecure?: boolean | undefined;
  /** Addresses and networks whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed. Default: none. */
  readonly trustedProxies?: readonly string[] | undefined;
  /** Resolves a name to IP addresses. Default: the system's resolver. */
  readonly lookup?: Lookup | undefined;
  /** Bounds, where the defaults do not suit. */
  readonly limits?: Overrides<GatewayLimits> | undefined;
  /** Receives each event. Its exceptions are ignored. */
  readonly log?: ((event: GatewayEvent) => void) | undefined;
}

/** Returns whether a page gets a ticket, or a name for the log. What it throws counts as no. */
export type Authorize = (request: TicketRequest) => Decision | Promise<Decision>;

/** `user` stands in the log. */
export type Decision = boolean | { readonly user: string };

/** A page's request for a ticket. Origin, `Host`, the session and its token have been checked. */
export interface TicketRequest {
  /** The HTTP request, with the application's cookies. */
  readonly request: IncomingMessage;
  readonly origin: string;
  readonly host: string;
  readonly port: number;
  /** See `sessionOf`. */
  readonly session: string;
  /** Client's IP address. */
  readonly remoteAddress: string;
}

/** What a ticket is good for. */
export interface TicketGrant {
  /** Origin of the page that will connect. */
  readonly origin: string;
  /** Destination, as the page will name it. */
  readonly host: string;
  readonly port: number;
  /** What `sessionOf` will return for the WebSocket; `undefined` where the page's requests show this gateway no session. */
  readonly session: string | undefined;
  /** Stands in the log. */
  readonly user?: string | undefined;
}

/** A one-time ticket. */
export interface Ticket {
  /** The secret: 43 characters. Give it to the page only, never in a URL. */
  readonly ticket: string;
  /** Milliseconds for which it is valid. */
  readonly expiresIn: number;
}

/** A gateway. */
export interface Gateway {
  /** Takes over the gateway's paths of a server. Other requests go to the server's own listeners. */
  attach(server: HttpServer | HttpsServer): void;
  /** Issues a ticket: for an application's server, which knows its user. Rejects with `usage` for what `origins` or `allow` refuse. */
  issueTicket(grant: TicketGrant): Promise<Ticket>;
  /** Makes a ticket invalid. */
  revokeTicket(ticket: string): Promise<void>;
  /** Connections that are open, those that wait to be resumed included. */
  readonly connections: number;
  /** Prometheus metrics, as text. */
  metrics(): string;
  /** Refuses new connections, ends the others after `grace` milliseconds (default 0), and resolves when all sockets are closed. A second call can shorten the time. */
  close(options?: { readonly grace?: number | undefined }): Promise<void>;
}
