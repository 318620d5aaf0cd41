import { connect, type NetConnectOpts, type Socket } from "node:net";
import { SshError } from "@nacre/wire";
import { type Duplex, type ForwardTarget, formatTarget } from "nacre/extend";
import { connectFirst, interleaved } from "../net/connect-first.ts";
import { type Deadline, withDeadline } from "../net/deadline.ts";
import { TCP_KEEPALIVE_DELAY } from "../net/dial.ts";
import { SYSTEM_LOOKUPS } from "../net/lookup.ts";
import { socketDuplex } from "../net/socket-duplex.ts";
import { showPath } from "../windows/system.ts";

/** Options of a connection attempt. */
export interface DialSettings {
  /** Timeout in milliseconds. */
  readonly connectTimeout: number;
  readonly signal: AbortSignal;
}

/**
 * Connects to the first address that answers. The signal of `resolve` aborts at the timeout, too. Rejects with `forward-unreachable`,
 * `aborted`, or the error of `resolve`.
 */
export function dialAddresses(
  { host, port }: { readonly host: string; readonly port: number },
  settings: DialSettings,
  resolve: (signal: AbortSignal) => Promise<readonly string[]>,
): Promise<Duplex> {
  return dialWithin(formatTarget({ host, port }), settings, async (signal) => {
    const addresses = interleaved(await resolve(signal));
    return connectFirst(
      addresses.map((address) => ({ /* rule: dial-checked-address */ host: address, port })),
      open,
      signal,
    );
  });
}

/** Connects to a Unix socket. Rejects with `forward-unreachable` or `aborted`. */
export function dialPath(path: string, settings: DialSettings): Promise<Duplex> {
  return dialWithin(path, settings, (signal) => connectFirst([{ path }], open, signal));
}

/** Runs `dial` until the timeout expires or the signal aborts. A socket that connects later is destroyed. */
function dialWithin(
  where: string,
  { connectTimeout, signal }: DialSettings,
  dial: (signal: AbortSignal) => Promise<Socket>,
): Promise<Duplex> {
  const deadline: Deadline<Duplex> = {
    timeout: connectTimeout,
    signal,
    late: () => unreachable(where, `no answer within ${connectTimeout} ms`),
    aborted: ({ reason }) => new SshError("aborted", `connecting to ${showPath(where)} was aborted`, { cause: reason }),
    discard: (duplex) => void duplex.reset?.(),
  };
  return withDeadline(deadline, async (over) => {
    try {
      return socketDuplex(await dial(over));
    } catch (cause) {
      if (cause instanceof SshError) throw cause;
      throw unreachable(where, cause instanceof Error ? showPath(cause.message) : "connection failed", cause);
    }
  });
}

/** Keeps each direction open until it ends itself, and sends small packets without delay. */
const SOCKET_OPTIONS = {
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: TCP_KEEPALIVE_DELAY,
} as const;

function open(place: NetConnectOpts): Socket {
  return connect({ ...place, ...SOCKET_OPTIONS });
}

function unreachable(where: string, why: string, cause?: unknown): SshError {
  return new SshError("forward-unreachable", `cannot connect to ${showPath(where)}: ${why}`, { cause });
}

/** Timeout in milliseconds. */
const CONNECT_TIMEOUT = 15_000;

/** Connects to a target from this side. Rejects with `forward-unreachable` or `aborted`; the socket is then closed. */
export function dialTarget(target: ForwardTarget, signal: AbortSignal): Promise<Duplex> {
  const settings = { connectTimeout: CONNECT_TIMEOUT, signal };
  if (target.path !== undefined) return dialPath(target.path, settings);
  // `signal` is that of the forward, so each forward waits in line for lookups.
  const users = [signal];
  return dialAddresses(target, settings, (over) => SYSTEM_LOOKUPS.lookup(target.host, { users, signal: over }));
}
