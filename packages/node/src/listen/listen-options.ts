import { checkLimit, MAX_UINT32, type Overrides } from "@nacre/wire";
import {
  type OptionRows,
  SERVE_OPTIONS,
  type ServeOptions,
  type ServerEvent,
  type ServerLimits,
  type SshError,
} from "nacre/extend";
import type { CryptoChoice } from "../crypto/private-key.ts";
import { checkPort } from "../net/dial.ts";
import type { NodeSession } from "./session.ts";
import type { Penalties } from "./sources.ts";

/** Limits for connections without a login; above `start`, new ones are dropped at random (sshd_config(5), MaxStartups). */
export interface RandomEarlyDrop {
  /** Number of connections without a login at which dropping starts. */
  readonly start: number;
  /** Probability in percent that a new connection is dropped at `start`. */
  readonly rate: number;
  /** Number at which every new connection is dropped; in between, the probability grows linearly. */
  readonly full: number;
}

export const MAX_UNAUTHENTICATED: RandomEarlyDrop = { start: 10, rate: 30, full: 100 };

/**
 * Limits per source before login. A source is an address, or a network as defined by `netBlockSize`. Times are in milliseconds. All clients
 * behind a proxy, gateway or NAT share one source; list a proxy's address in `exempt`.
 */
export interface PerSourceOptions {
  /**
   * Maximum number of simultaneous connections of one source without a login, like sshd's PerSourceMaxStartups; further ones are dropped.
   * Default half of `maxUnauthenticated.full` (50), but at least `maxUnauthenticated.start`.
   */
  readonly maxUnauthenticated?: number | undefined;
  /**
   * Number of leading address bits that identify a source, like sshd's PerSourceNetBlockSize. Default 32 for IPv4 and 64 for IPv6. sshd's
   * default for IPv6 is 128, but one IPv6 customer has 2⁶⁴ addresses or more.
   */
  readonly netBlockSize?: { readonly ipv4?: number | undefined; readonly ipv6?: number | undefined } | undefined;
  /**
   * Time for which a source is refused after its connections end without a login, like sshd's PerSourcePenalties and with the same
   * defaults: `authFail` 5,000 after a refused login, `noAuth` 1,000 without a login attempt, `graceExceeded` 10,000 after
   * `loginGraceTime`. Penalties add up, take effect from a total of `min` 15,000, and never exceed `max` 600,000. `false` disables them.
   */
  readonly penalties?: { readonly [K in keyof Penalties]?: number | undefined } | false | undefined;
  /**
   * Maximum delay of the answer to a failed login; default 2,000, 0 disables it. The delay starts at 100 and doubles with each failure of a
   * source.
   */
  readonly maxFailureDelay?: number | undefined;
  /** Maximum number of remembered sources. Above it, the least recently active source is forgotten. Default 65,536, about 10 MB. */
  readonly maxSources?: number | undefined;
  /** Addresses and networks without these limits: `["192.0.2.7", "2001:db8::/32"]`. Default none. */
  readonly exempt?: readonly string[] | undefined;
}

/** Options of `listen`. The server refuses every request that they do not allow. */
export interface ListenOptions extends Omit<ServeOptions<NodeSession>, "remoteAddress" | "log"> {
  /** TCP port; 0 selects a free one. */
  readonly port: number;
  /** Listening address; default `"127.0.0.1"`, which accepts only connections from this machine. `"::"` listens on all addresses. */
  readonly host?: string | undefined;
  /**
   * Cryptographic implementation: `"node"` (node:crypto, the default) or `"noble"`, the portable code used in browsers, several times
   * slower. Explicit `algorithms` override it.
   */
  readonly crypto?: CryptoChoice | undefined;
  /** Maximum number of simultaneous connections; further ones are dropped. Default unlimited, except by `maxUnauthenticated`. */
  readonly maxConnections?: number | undefined;
  /** Limits for simultaneous connections without a login; default `{ start: 10, rate: 30, full: 100 }`. */
  readonly maxUnauthenticated?: RandomEarlyDrop | undefined;
  /**
   * Limits per source address before login: simultaneous connections, penalties for connections that end without a login, and a delay after
   * a failed login. Enabled by default. `false` disables them, for example behind a proxy that hides client addresses.
   */
  readonly perSource?: PerSourceOptions | false | undefined;
  /**
   * Overrides of the default limits. Unlike in `serve`, `keepaliveInterval` is 0 by default, because clients that read only on demand do
   * not answer. TCP keepalive is on, like sshd's TCPKeepAlive. It detects a vanished client after two hours without traffic.
   */
  readonly limits?: Overrides<ServerLimits> | undefined;
  /** Aborting closes the server and all its connections immediately. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Called with each event. Exceptions are ignored. Text from clients is raw: escape it before displaying it. Without it, exceptions of
   * `authenticate` and of session handlers become process warnings.
   */
  readonly log?: ((event: ListenEvent) => void) | undefined;
}

/** A log event, with its connection's number (starting at 1) and remote address. */
export type ListenEvent =
  | ({ readonly connection: number; readonly remoteAddress: string; readonly remotePort: number } & (
      | ServerEvent
      | { readonly type: "connected" }
      /** The connection was refused before the SSH handshake. */
      | {
          readonly type: "dropped";
          /**
           * `max-per-source`: the source has too many connections without a login. `penalty`: its earlier connections ended without a
           * login.
           */
          readonly reason: "max-connections" | "max-unauthenticated" | "max-per-source" | "penalty";
        }
    ))
  /** The system could not hand over a connection, perhaps for lack of file descriptors. The server keeps running. */
  | { readonly type: "accept-failed"; readonly error: SshError };

const { remoteAddress: _remoteAddress, log: _log, ...SERVE } = SERVE_OPTIONS;

export const LISTEN_OPTIONS: OptionRows<ListenOptions> = {
  ...SERVE,
  port: { check: (port) => checkPort(port, 0) },
  host: "string",
  crypto: ["node", "noble"],
  maxConnections: { check: checkMaxConnections },
  maxUnauthenticated: { type: "object", check: checkMaxUnauthenticated, default: MAX_UNAUTHENTICATED },
  perSource: "object or boolean",
  log: "function",
};

function checkMaxConnections(most = Number.POSITIVE_INFINITY): void {
  if (most === Number.POSITIVE_INFINITY) return;
  checkLimit("maxConnections", most, { least: 0, most: MAX_UINT32, unit: "connections" });
}

function checkMaxUnauthenticated({ start, rate, full } = MAX_UNAUTHENTICATED): void {
  checkLimit("maxUnauthenticated.start", start, { least: 1, most: MAX_UINT32, unit: "connections" });
  checkLimit("maxUnauthenticated.rate", rate, { least: 1, most: 100, unit: "percent" });
  checkLimit("maxUnauthenticated.full", full, { least: start, most: MAX_UINT32, unit: "connections" });
}
