import { checkLimit, MAX_MILLISECONDS, type SshError } from "@nacre/wire";
import { usage } from "../check.ts";
import { checkOptions, type OptionRows } from "../options/schema.ts";

/** Event of a client with `reconnect`. */
export type ReconnectEvent =
  /** The connection was lost. What was pending has failed, or fails next. */
  | { readonly type: "lost"; readonly error: SshError }
  /** Attempt number `attempt` since the loss begins in `delay` milliseconds. `error` is that of the loss or of the attempt before. */
  | { readonly type: "retry"; readonly attempt: number; readonly delay: number; readonly error: SshError }
  /** A new connection has replaced the lost one. */
  | { readonly type: "connected" }
  /** The server refused a listener that it had before the loss. It is asked again in `delay` milliseconds. */
  | ({ readonly type: "listen-retry"; readonly delay: number } & ListenPlace)
  /** The server listens again. */
  | ({ readonly type: "listening" } & ListenPlace);

/** Address of a listener on the server. */
export interface ListenPlace {
  /** Address as given to `listen`; `undefined` for a Unix socket. */
  readonly host?: string | undefined;
  /** Port, also one that the server chose; `undefined` for a Unix socket. */
  readonly port?: number | undefined;
  /** Path of the Unix socket; `undefined` for a TCP listener. */
  readonly path?: string | undefined;
}

/** Options of reconnecting. */
export interface ReconnectOptions {
  /** Longest delay between two attempts in milliseconds, at least 1000; default 30,000. It varies by 20 % in either direction. */
  readonly maxDelay?: number | undefined;
  /** Milliseconds without a connection after which the client ends; by default it never gives up. */
  readonly giveUpAfter?: number | undefined;
  /** Called with each event of reconnecting. Exceptions are ignored. */
  readonly onEvent?: ((event: ReconnectEvent) => void) | undefined;
}

const MILLISECONDS = { most: MAX_MILLISECONDS, unit: "milliseconds" };

const RECONNECT_OPTIONS: OptionRows<ReconnectOptions> = {
  maxDelay: {
    // rule: reconnect-least-delay
    check: (value = 1000) => checkLimit("maxDelay", value, { least: 1000, ...MILLISECONDS }),
  },
  giveUpAfter: { check: (value = 0) => checkLimit("giveUpAfter", value, { least: 0, ...MILLISECONDS }) },
  onEvent: "function",
};

/** Throws `usage` for an invalid `reconnect`. */
export function checkReconnect(reconnect: boolean | ReconnectOptions | undefined): void {
  if (reconnect === undefined || typeof reconnect === "boolean") return;
  if (typeof reconnect !== "object" || reconnect === null || Array.isArray(reconnect))
    throw usage("`reconnect` must be true, false, or an object with `maxDelay`, `giveUpAfter` and `onEvent`");
  checkOptions(reconnect, RECONNECT_OPTIONS, "`reconnect`");
}
