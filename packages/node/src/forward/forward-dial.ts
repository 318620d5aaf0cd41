import { connect, type NetConnectOpts, type Socket } from "node:net";
import { escapeText, SshError } from "@nacre/wire";
import { type Duplex, type ForwardTarget, formatTarget, onAbort } from "nacre/extend";
import { TCP_KEEPALIVE_DELAY } from "../net/dial.ts";
import { SYSTEM_LOOKUPS } from "../net/lookup.ts";
import { socketDuplex } from "../net/socket-duplex.ts";

/** Options of a connection attempt. */
export interface DialSettings {
  /** Timeout in milliseconds. */
  readonly connectTimeout: number;
  readonly signal: AbortSignal;
}

/** Delay in milliseconds before the next address is tried in parallel (RFC 8305 §5). */
const ATTEMPT_DELAY = 250;

/**
 * Connects to the first address that answers. The signal of `resolve` aborts at the timeout, too. Rejects with `forward-unreachable`,
 * `aborted`, or the error of `resolve`.
 */
export function dialAddresses(
  { host, port }: { readonly host: string; readonly port: number },
  settings: DialSettings,
  resolve: (signal: AbortSignal) => Promise<readonly string[]>,
): Promise<Duplex> {
  return withDeadline(formatTarget({ host, port }), settings, async (signal) => {
    const addresses = await resolve(signal);
    return connectFirst(
      addresses.map((address) => ({ /* rule: dial-checked-address */ host: address, port })),
      signal,
    );
  });
}

/** Connects to a Unix socket. Rejects with `forward-unreachable` or `aborted`. */
export function dialPath(path: string, settings: DialSettings): Promise<Duplex> {
  return withDeadline(path, settings, (signal) => connectFirst([{ path }], signal));
}

/** Runs `dial` until the timeout expires or the signal aborts. A socket that connects later is destroyed. */
function withDeadline(
  where: string,
  { connectTimeout, signal }: DialSettings,
  dial: (signal: AbortSignal) => Promise<Socket>,
): Promise<Duplex> {
  const over = new AbortController();
  let unwatch: (() => void) | undefined;
  return new Promise((resolve, reject) => {
    const giveUp = (error: SshError): void => {
      over.abort(error);
      settle();
      reject(error);
    };
    const abort = (): void =>
      giveUp(new SshError("aborted", `connecting to ${escapeText(where)} was aborted`, { cause: signal.reason }));
    const timer = setTimeout(() => giveUp(unreachable(where, `no answer within ${connectTimeout} ms`)), connectTimeout);
    const settle = (): void => {
      clearTimeout(timer);
      unwatch?.();
    };
    unwatch = onAbort(signal, abort);
    if (signal.aborted) return;
    dial(over.signal).then(
      (socket) => {
        settle();
        resolve(socketDuplex(socket));
      },
      (cause: unknown) => {
        settle();
        if (cause instanceof SshError) reject(cause);
        else
          reject(unreachable(where, cause instanceof Error ? escapeText(cause.message) : "connection failed", cause));
      },
    );
  });
}

/** Tries the addresses in order, starting the next when one fails or takes too long. Rejects with the first error. */
function connectFirst(places: readonly NetConnectOpts[], signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const left = [...places];
    const trying = new Set<Socket>();
    let first: unknown;
    let timer: NodeJS.Timeout | undefined;
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      for (const socket of trying) socket.destroy();
    };
    const onAbort = (): void => {
      settle();
      reject(signal.reason);
    };
    const next = (): void => {
      clearTimeout(timer);
      const place = left.shift();
      if (place === undefined) return;
      const socket = connect({ ...place, ...SOCKET_OPTIONS });
      trying.add(socket);
      socket.once("connect", () => {
        trying.delete(socket);
        settle();
        resolve(socket);
      });
      socket.on("error", (cause) => {
        first ??= cause;
        if (!trying.delete(socket)) return;
        if (left.length > 0) next();
        else if (trying.size === 0) {
          settle();
          reject(first);
        }
      });
      if (left.length > 0) timer = setTimeout(next, ATTEMPT_DELAY);
    };
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
    else if (left.length === 0) reject(new Error("the host name has no address"));
    else next();
  });
}

/** Keeps each direction open until it ends itself, and sends small packets without delay. */
const SOCKET_OPTIONS = {
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: TCP_KEEPALIVE_DELAY,
} as const;

function unreachable(where: string, why: string, cause?: unknown): SshError {
  return new SshError("forward-unreachable", `cannot connect to ${escapeText(where)}: ${why}`, { cause });
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
