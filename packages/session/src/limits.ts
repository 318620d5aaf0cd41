import { AUTH_LIMITS, type AuthLimits } from "@nacre/auth";
import { CONNECTION_LIMITS, type ConnectionLimits } from "@nacre/connection";
import { TRANSPORT_LIMITS, type TransportLimits } from "@nacre/transport";
import { type LimitTable, limitTable, MAX_MILLISECONDS, MAX_UINT32 } from "@nacre/wire";

/** Every bound of a session, in one object. Times are milliseconds, sizes bytes. */
export interface Limits extends TransportLimits, AuthLimits, ConnectionLimits {
  /** From the first key exchange's end to the end of authentication, not counting the time the application is asked. */
  readonly authTimeout: number;
  /** Milliseconds of silence after which the peer is asked whether it is there; 0 never asks. Default 60,000; 0 with `listen` of `@nacre/node`. */
  readonly keepaliveInterval: number;
  /** The connection ends when this many such questions went unanswered in a row. */
  readonly keepaliveCount: number;
}

/** Ranges and defaults of all of them. */
export const SESSION_LIMITS: LimitTable<Limits> = limitTable<Limits>({
  ...TRANSPORT_LIMITS.ranges,
  ...AUTH_LIMITS.ranges,
  ...CONNECTION_LIMITS.ranges,
  authTimeout: { default: 120_000, least: 1, most: MAX_MILLISECONDS, unit: "milliseconds" },
  keepaliveInterval: { default: 60_000, least: 0, most: MAX_MILLISECONDS, unit: "milliseconds" },
  keepaliveCount: { default: 3, least: 1, most: MAX_UINT32, unit: "questions" },
});
