import { sha256Fingerprint } from "@nacre/keys";
import { SshError } from "@nacre/wire";
import { BaseClient, type LoggedIn, webClient } from "nacre";
import { defaultAlgorithms } from "nacre/defaults";
import { checkLimits, checkUser, connectDuplex, explicitHostKey, SESSION_LIMITS } from "nacre/internal";
import { sortOptions } from "./check.ts";
import { knownHost } from "./known-hosts.ts";
import type { ConnectOptions } from "./options.ts";
import { duplexOver, takeSocket } from "./web-socket-duplex.ts";

/** Milliseconds within which a working WebSocket brings the answer to an SSH keepalive. */
const KEEPALIVE_ANSWER = 20_000;

/**
 * Connects to an SSH server through a WebSocket gateway, verifies its host key and logs in. The client has no `dial` and `listen`, so that a
 * page does not load them; pass `forwardingClient` of `nacre` as `makeClient` for one that has.
 *
 * Rejects with an `SshError`: `code` names the cause, `culprit` the side at fault. Nothing is left open then. If the connection ends with
 * `connection-lost` after the login, the `cause` of that error may be the gateway's.
 */
export function connect(options: ConnectOptions): Promise<BaseClient>;
export function connect<C>(options: ConnectOptions, makeClient: (connection: LoggedIn) => C): Promise<C>;
export async function connect(
  options: ConnectOptions,
  makeClient: (connection: LoggedIn) => unknown = (connection) => new BaseClient(connection, webClient),
): Promise<unknown> {
  // An untyped program may pass nothing.
  const { webSocket, login } = sortOptions({ ...options });
  checkUser(login.user);
  checkLimits(login.limits, SESSION_LIMITS);
  const decided = explicitHostKey(options.hostKey);
  const duplexOptions = { ...webSocket, silenceTimeout: webSocket.silenceTimeout ?? silenceAfter(login.limits) };
  // Open the WebSocket while known hosts are read.
  const socket = takeSocket(duplexOptions);
  let known: Awaited<ReturnType<typeof knownHost>> | undefined;
  try {
    known = decided === undefined ? await knownHost(options) : undefined;
  } catch (error) {
    await socket.close();
    throw error;
  }
  const duplex = await duplexOver(socket, duplexOptions);
  const { algorithms = defaultAlgorithms } = login;
  const hostKeys = known?.order(algorithms.hostKeys) ?? algorithms.hostKeys;
  try {
    const decision = { hostKey: decided ?? known!.verify, algorithms: { ...algorithms, hostKeys } };
    return await connectDuplex(duplex, { ...login, ...decision, fingerprint: sha256Fingerprint }, makeClient);
  } catch (error) {
    throw gatewayError(error);
  }
}

/** Returns the default of `silenceTimeout`: a WebSocket without the answer to a keepalive is lost. */
function silenceAfter(limits: ConnectOptions["limits"]): number {
  const { keepaliveInterval = SESSION_LIMITS.defaults.keepaliveInterval } = limits ?? {};
  return keepaliveInterval === 0 ? 0 : Math.min(keepaliveInterval + KEEPALIVE_ANSWER, 0x7fff_ffff);
}

/** Returns the gateway's error if SSH only knows that the connection was lost. */
function gatewayError(error: unknown): unknown {
  return error instanceof SshError && error.code === "connection-lost" && error.cause instanceof SshError
    ? error.cause
    : error;
}
