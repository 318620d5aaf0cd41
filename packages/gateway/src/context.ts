import type { Socket } from "node:net";
import type { BufferGrowth } from "@nacre/tunnel";
import type { Clients } from "./clients.ts";
import type { Destinations } from "./destinations.ts";
import type { GatewayEvent } from "./events.ts";
import type { GatewayWebSocket } from "./gateway-web-socket.ts";
import type { GatewayLimits } from "./limits.ts";
import type { Metrics } from "./metrics.ts";
import type { Relay } from "./relay.ts";
import type { Requester } from "./request-check.ts";
import type { Tickets } from "./tickets.ts";
import type { TunnelRelay } from "./tunnel-relay.ts";

/** The client of a WebSocket. */
export interface Peer extends Requester {
  /** Number of the connection, from 1. */
  readonly connection: number;
  /** Result of `sessionOf` for the request: its HTTP session; `undefined` for a request without one. */
  readonly session: string | undefined;
}

/** State and settings that all connections of a gateway share. */
export interface GatewayContext {
  readonly limits: GatewayLimits;
  readonly destinations: Destinations;
  readonly tickets: Tickets;
  readonly clients: Clients;
  readonly relays: Set<Relay>;
  /** TCP connections that are not closed yet. */
  readonly sockets: Set<Socket>;
  /** Listener of each socket's "close" event: removes it from `sockets`. */
  readonly onSocketClosed: (this: Socket) => void;
  /** WebSockets that are not closed yet. */
  readonly webSockets: Set<GatewayWebSocket>;
  /** Connections that can be resumed, by the tunnel's id in hexadecimal. */
  readonly tunnels: Map<string, TunnelRelay>;
  readonly metrics: Metrics;
  readonly growth: BufferGrowth;
  /** Bytes buffered by all connections, and their limit. */
  readonly memory: { used: number; readonly most: number };
  /**
   * First bytes of the tunnel ids of this address, also after a restart. Empty without an address: the gateway is then the only one at its
   * URL, and an unknown tunnel has ended.
   */
  readonly idPrefix: Buffer;
  /** See `GatewayOptions.address`. */
  readonly address: string;
  /** Returns the time of a monotonic clock in milliseconds. */
  readonly now: () => number;
  readonly log: (event: GatewayEvent) => void;
  readonly eventPeer: (peer: Peer) => {
    readonly connection: number;
    readonly remoteAddress: string;
    readonly origin: string | undefined;
  };
}
