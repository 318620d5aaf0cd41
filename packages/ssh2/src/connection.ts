import type { EventEmitter } from "node:events";
import type { Duplex } from "node:stream";
import type { ClientMux } from "nacre/extend";
import { callProgram } from "./call-program.ts";
import { ssh2Error } from "./errors.ts";

/** Key of the channels and global requests of a connection. */
export const MUX: unique symbol = Symbol("mux");

/** Key of the function that gets the lines of the option `debug`. */
export const DEBUG: unique symbol = Symbol("debug");

/** The channels and global requests of one connection, for either side. */
export type ConnectionMux = Pick<ClientMux, "open" | "globalRequest" | "accept" | "onGlobalRequest">;

/** A connection of either role, as channels, SFTP and the private fields use it. */
export interface Connection extends EventEmitter {
  /** Channels and global requests of this connection; `undefined` before the login and after the end. */
  readonly [MUX]: ConnectionMux | undefined;
  readonly [DEBUG]: ((line: string) => void) | undefined;
  _sock: Duplex | undefined;
}

interface PendingCall {
  readonly run: (mux: ConnectionMux) => void;
  readonly lost: (error: Error) => void;
}

/** Calls that wait for an event of one connection. */
export interface WaitingCalls {
  /** Calls until the login is over. */
  untilReady: PendingCall[];
  /**
   * Calls to run after "close": first those of global requests, then channels. `undefined` after "close", when new calls run immediately.
   */
  afterClose: Readonly<Record<"requests" | "channels", (() => void)[]>> | undefined;
}

/** Calls of the latest connection. A client can connect again while its last connection is still ending. */
const latestCalls = new WeakMap<Connection, WaitingCalls>();
/** Calls of the connection whose channels are open. While it ends, the latest one waits. */
const callsWithChannels = new WeakMap<Connection, WaitingCalls>();

/**
 * Starts the bookkeeping of a connection. The client calls this in `connect`, the server when a socket connects. Returns what to pass to
 * `connectionClosed`.
 */
export function connectionBegins(connection: Connection): WaitingCalls {
  const calls: WaitingCalls = { untilReady: [], afterClose: { requests: [], channels: [] } };
  latestCalls.set(connection, calls);
  if (callsWithChannels.get(connection)?.afterClose === undefined) callsWithChannels.set(connection, calls);
  return calls;
}

/** Runs the calls that waited for the login. The client calls this after it has emitted "ready". An earlier connection must have closed. */
export function connectionReady(connection: Connection): void {
  const { [MUX]: mux } = connection;
  const calls = latestCalls.get(connection);
  if (mux === undefined || calls === undefined) return;
  for (const { run } of calls.untilReady.splice(0)) run(mux);
}

/** Fails all calls that wait for a connection. Both roles call this after they have emitted "close". */
export function connectionClosed(
  connection: Connection,
  calls: WaitingCalls | undefined = latestCalls.get(connection),
): void {
  if (calls === undefined) return;
  const { untilReady, afterClose } = calls;
  calls.afterClose = undefined;
  const lost = untilReady.splice(0).map((call) => () => call.lost(noResponse()));
  for (const call of [...lost, ...(afterClose?.requests ?? []), ...(afterClose?.channels ?? [])])
    callProgram(connection, call);
  const next = latestCalls.get(connection);
  if (next !== undefined && callsWithChannels.get(connection) === calls) callsWithChannels.set(connection, next);
}

/**
 * Calls `call` after the event "close" of the connection: now, if it was emitted. ssh2 ends global requests only then, and channels after
 * them.
 */
export function afterClose(connection: Connection, call: () => void, what: "requests" | "channels" = "channels"): void {
  const calls = callsWithChannels.get(connection)?.afterClose?.[what];
  if (calls === undefined) call();
  else calls.push(call);
}

/**
 * Calls `run` when the connection can open channels: now, or after the login that is in progress. If the login fails, calls `lost` instead.
 * Throws "Not connected" without a socket that can be written to.
 */
export function whenReady(
  connection: Connection,
  run: (mux: ConnectionMux) => void,
  lost: (error: Error) => void,
): void {
  if (!isWritable(connection._sock)) throw ssh2Error("Not connected");
  const { [MUX]: mux } = connection;
  if (mux !== undefined) {
    run(mux);
    return;
  }
  const calls = latestCalls.get(connection);
  if (calls === undefined) throw ssh2Error("Not connected");
  calls.untilReady.push({ run, lost });
}

/** Returns the error of callbacks whose connection ended before the answer. */
export function noResponse(): Error {
  return ssh2Error("No response from server");
}

/** Returns whether the socket can still be written to, and its peer has not ended. Streams of another kind have no `readableEnded`. */
export function isWritable(socket: Duplex | undefined): boolean {
  return socket !== undefined && socket.writable && !hasEnded(socket);
}

/** Returns whether the peer's end was received, also while data before it is still unread. */
function hasEnded(socket: Duplex): boolean {
  return (socket as { readonly _readableState?: { readonly ended?: boolean } })._readableState?.ended !== false;
}
