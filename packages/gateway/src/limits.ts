import { completeLimits, limitTable, MAX_MILLISECONDS, type Overrides } from "@nacre/wire";
import { checkNames } from "./check-options.ts";

/** Limits of a gateway. Times are in milliseconds. A client is an IPv4 address or an IPv6 /64 network. */
export interface GatewayLimits {
  /** Most connections in total, including parked ones; default 10,000. */
  readonly maxConnections: number;
  /** Most connections of one client, including parked ones; default 64. */
  readonly maxConnectionsPerClient: number;
  /** Most WebSockets that have not opened or resumed a connection yet; default 2048. A further one closes the oldest. */
  readonly maxPending: number;
  /** New WebSockets and ticket requests per second in total, also the largest burst; default 2000. */
  readonly maxNewPerSecond: number;
  /** New WebSockets and ticket requests per second of one client, also the largest burst; default 20. */
  readonly maxNewPerSecondPerClient: number;
  /** Time for the client to send each message before the connection is open; default 5000. */
  readonly firstMessageTimeout: number;
  /** Time for the ticket store to answer; default 5000. */
  readonly storeTimeout: number;
  /** Time for the lookup and the connection to the destination, and for each call of the option `lookup`; default 10,000. */
  readonly connectTimeout: number;
  /** Time for which a ticket is valid; default and maximum 30,000. */
  readonly ticketTime: number;
  /** Interval between pings; default 20,000. A WebSocket that is silent for two intervals counts as lost. */
  readonly pingInterval: number;
  /** Most pongs that a client has not read; default 64. A further ping ends its WebSocket. */
  readonly maxUnreadPongs: number;
  /** Longest time without data in either direction; default one hour. */
  readonly idleTimeout: number;
  /** Longest duration of a connection; default 24 hours. */
  readonly maxTime: number;
  /** Most bytes of a connection, counting both directions; default 1 TiB. */
  readonly maxBytes: number;
  /** Time for which a connection without a WebSocket is kept (parked); default five minutes. 0 ends it with its WebSocket. */
  readonly resumeTime: number;
  /** Most buffered bytes of parked connections in total; default 64 MiB. Each client may hold half of what the others leave. */
  readonly maxParkedBytes: number;
  /** Most buffered bytes of one client's parked connections; default 16 MiB. */
  readonly maxParkedBytesPerClient: number;
  /** Most buffered bytes of all connections; default 512 MiB. Above it, each direction is read only while it holds less than 128 KiB. */
  readonly maxBufferedBytes: number;
}

const MIB = 1024 * 1024;
const bytes = (value: number) => ({ default: value, least: 65_536, most: Number.MAX_SAFE_INTEGER, unit: "bytes" });
const time = (value: number, least = 1) => ({ default: value, least, most: MAX_MILLISECONDS, unit: "milliseconds" });
/** A time that a timer of Node waits for: it fires immediately for a longer one than about 24 days. */
const timer = (value: number) => ({ ...time(value), most: 0x7fff_ffff });
const count = (value: number, unit: string) => ({ default: value, least: 1, most: 10_000_000, unit });

/** Ranges and defaults of the limits. */
const GATEWAY_LIMITS = /* @__PURE__ */ limitTable<GatewayLimits>({
  maxConnections: count(10_000, "connections"),
  maxConnectionsPerClient: count(64, "connections"),
  maxPending: count(2048, "connections"),
  maxNewPerSecond: count(2000, "connections"),
  maxNewPerSecondPerClient: count(20, "connections"),
  firstMessageTimeout: time(5000),
  storeTimeout: timer(5000),
  connectTimeout: timer(10_000),
  ticketTime: { ...time(30_000), most: 30_000 },
  pingInterval: time(20_000),
  maxUnreadPongs: count(64, "pongs"),
  idleTimeout: time(3_600_000),
  maxTime: time(86_400_000),
  maxBytes: bytes(2 ** 40),
  resumeTime: { ...time(300_000, 0), most: 0x7fff_ffff },
  maxParkedBytes: bytes(64 * MIB),
  maxParkedBytesPerClient: bytes(16 * MIB),
  maxBufferedBytes: bytes(512 * MIB),
});

/** Returns all limits, with defaults for those that are missing. Throws `usage` for an unknown name or a value out of range. */
export function gatewayLimits(changes: Overrides<GatewayLimits> = {}): GatewayLimits {
  checkNames("`limits` has no limit", changes, GATEWAY_LIMITS.ranges);
  return completeLimits(GATEWAY_LIMITS, changes);
}
