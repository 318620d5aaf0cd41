import { type LimitTable, limitTable, MAX_MILLISECONDS } from "@nacre/wire";

/** Bounds of a gateway. Times are milliseconds. A client is an IPv4 address or an IPv6 network of 64 bits. */
export interface GatewayLimits {
  /** Connections in all, those that wait to be resumed included. */
  readonly maxConnections: number;
  /** Connections of one client, likewise. */
  readonly maxConnectionsPerClient: number;
  /** WebSockets that have not opened or resumed a connection yet. One more ends the oldest of them. */
  readonly maxPending: number;
  /** New WebSockets and ticket requests a second in all, and as many at once. */
  readonly maxNewPerSecond: number;
  /** The same of one client. */
  readonly maxNewPerSecondPerClient: number;
  /** Time for each message before the connection is open. */
  readonly firstMessageTimeout: number;
  /** Time for the ticket store to answer. */
  readonly storeTimeout: number;
  /** Time until the destination must be connected, its lookup included. */
  readonly connectTimeout: number;
  /** Time for which a ticket is valid. */
  readonly ticketTime: number;
  /** Interval of pings. A WebSocket from which nothing arrives for twice as long is lost. */
  readonly pingInterval: number;
  /** Time without a byte in either direction. */
  readonly idleTimeout: number;
  /** Longest time of a connection. */
  readonly maxTime: number;
  /** Most bytes of a connection, both directions together. */
  readonly maxBytes: number;
  /** Time for which a connection without a WebSocket is kept; 0 for none. */
  readonly resumeTime: number;
  /** Bytes kept for connections without a WebSocket, in all. */
  readonly maxParkedBytes: number;
  /** The same of one client. */
  readonly maxParkedBytesPerClient: number;
  /** Bytes on their way in all connections. Beyond it a connection reads only while it holds less than 128 KiB. */
  readonly maxBufferedBytes: number;
}

const MIB = 1024 * 1024;
const bytes = (value: number) => ({ default: value, least: 65_536, most: Number.MAX_SAFE_INTEGER, unit: "bytes" });
const time = (value: number, least = 1) => ({ default: value, least, most: MAX_MILLISECONDS, unit: "milliseconds" });
const count = (value: number, unit: string) => ({ default: value, least: 1, most: 10_000_000, unit });

/** Ranges and defaults of a gateway's limits. */
export const GATEWAY_LIMITS: LimitTable<GatewayLimits> = limitTable<GatewayLimits>({
  maxConnections: count(10_000, "connections"),
  maxConnectionsPerClient: count(64, "connections"),
  maxPending: count(2048, "connections"),
  maxNewPerSecond: count(2000, "connections"),
  maxNewPerSecondPerClient: count(20, "connections"),
  firstMessageTimeout: time(5000),
  storeTimeout: time(5000),
  connectTimeout: time(10_000),
  ticketTime: { ...time(30_000), most: 30_000 },
  pingInterval: time(20_000),
  idleTimeout: time(3_600_000),
  maxTime: time(86_400_000),
  maxBytes: bytes(2 ** 40),
  resumeTime: { ...time(300_000, 0), most: 0x7fff_ffff },
  maxParkedBytes: bytes(64 * MIB),
  maxParkedBytesPerClient: bytes(16 * MIB),
  maxBufferedBytes: bytes(512 * MIB),
});
