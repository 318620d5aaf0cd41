import { type AuthLimits, defaultAuthLimits } from "@nacre/auth";
import { type ConnectionLimits, defaultConnectionLimits } from "@nacre/connection";
import { defaultTransportLimits, type TransportLimits } from "@nacre/transport";

/** Every bound of a session, in one object. Times are milliseconds, sizes bytes. */
export interface Limits extends TransportLimits, AuthLimits, ConnectionLimits {
  /** From the first key exchange's end to the end of authentication, not counting the time the application is asked. */
  readonly authTimeout: number;
  /** Milliseconds of silence after which the peer is asked whether it is there; 0 never asks. Default 60,000; 0 with `listen` of `@nacre/node`. */
  readonly keepaliveInterval: number;
  /** The connection ends when this many such questions went unanswered in a row. */
  readonly keepaliveCount: number;
}

/** The defaults, each documented where it is declared. */
export const defaultLimits: Limits = {
  ...defaultTransportLimits,
  ...defaultAuthLimits,
  ...defaultConnectionLimits,
  authTimeout: 120_000,
  keepaliveInterval: 60_000,
  keepaliveCount: 3,
};
