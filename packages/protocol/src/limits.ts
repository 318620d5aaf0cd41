import { AUTH_LIMITS, type AuthLimits } from "@nacre/auth";
import { CONNECTION_LIMITS, type ConnectionLimits } from "@nacre/connection";
import { TRANSPORT_LIMITS, type TransportLimits } from "@nacre/transport";
import { type LimitTable, limitTable, MAX_MILLISECONDS, MAX_UINT32 } from "@nacre/wire";

/** All limits of a protocol machine. Times are in milliseconds, sizes in bytes. */
export interface Limits extends TransportLimits, AuthLimits, ConnectionLimits {
  /** Milliseconds from the end of the first key exchange to the end of authentication, excluding time spent on asks. Default 120,000. */
  readonly authTimeout: number;
  /** Milliseconds of silence after which the peer is probed; 0 disables probes. Default 60,000, but 0 with `listen` of `@nacre/node`. */
  readonly keepaliveInterval: number;
  /** Consecutive unanswered probes after which the connection ends. Default 3. */
  readonly keepaliveCount: number;
}

/** Ranges and defaults of `Limits`. */
export const PROTOCOL_LIMITS: LimitTable<Limits> = limitTable<Limits>({
  ...TRANSPORT_LIMITS.ranges,
  ...AUTH_LIMITS.ranges,
  ...CONNECTION_LIMITS.ranges,
  authTimeout: { default: 120_000, least: 1, most: MAX_MILLISECONDS, unit: "milliseconds" },
  keepaliveInterval: { default: 60_000, least: 0, most: MAX_MILLISECONDS, unit: "milliseconds" },
  keepaliveCount: { default: 3, least: 1, most: MAX_UINT32, unit: "probes" },
});
