import { sha256Fingerprint } from "@nacre/keys";
import { SshError } from "@nacre/wire";
import { defaultAlgorithms } from "nacre/defaults";
import {
  BaseClient,
  checkLimits,
  checkUser,
  clientMethods,
  connectDuplex,
  encodeTerminalModes,
  explicitHostKey,
  type LoggedIn,
  SESSION_LIMITS,
  webClient,
  withDescriptions,
} from "nacre/extend";
import { sortOptions } from "./check.ts";
import { knownHost } from "./known-hosts.ts";
import type { ConnectOptions } from "./options.ts";
import { duplexOver, takeSocket } from "./web-socket-duplex.ts";

/** Time in milliseconds to wait for the answer to an SSH keepalive. */
const KEEPALIVE_ANSWER = 20_000;

/**
 * Connects to an SSH server through a WebSocket gateway, verifies its host key and logs in. The returned client has no `dial` and `listen`,
 * which keeps the page small. To add both, pass `forwardingClient` of `nacre` as `makeClient`.
 *
 * Rejects with an `SshError`: `code` names the cause, and `culprit` the side at fault. Everything is closed before it rejects. If the
 * connection ends with `connection-lost` after the login, the `cause` of that error may be the gateway's error.
 */
export function connect(options: ConnectOptions): Promise<BaseClient>;
export function connect<C>(options: ConnectOptions, makeClient: (connection: LoggedIn) => C): Promise<C>;
export async function connect(
  options: ConnectOptions,
  makeClient: (connection: LoggedIn) => unknown = (connection) => new BaseClient(connection, webClient),
): Promise<unknown> {
  // JavaScript callers may pass `undefined`.
  const { webSocket, login } = sortOptions({ ...options });
  checkUser(login.user);
  checkLimits(login.limits, SESSION_LIMITS);
  const decided = explicitHostKey(options.hostKey, options);
  const duplexOptions = { ...webSocket, silenceTimeout: webSocket.silenceTimeout ?? silenceAfter(login.limits) };
  // Start opening the WebSocket before reading the known hosts, to save time.
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
    const complete = {
      ...login,
      hostKey: decided ?? known!.verify,
      algorithms: { ...algorithms, hostKeys },
      fingerprint: sha256Fingerprint,
      encodeModes: encodeTerminalModes,
      loginMethods: clientMethods,
      trace: withDescriptions(login.trace),
    };
    return await connectDuplex(duplex, complete, makeClient);
  } catch (error) {
    throw gatewayError(error);
  }
}

/** Returns the default `silenceTimeout`: the keepalive interval plus the time for the answer. */
function silenceAfter(limits: ConnectOptions["limits"]): number {
  const { keepaliveInterval = SESSION_LIMITS.defaults.keepaliveInterval } = limits ?? {};
  return keepaliveInterval === 0 ? 0 : Math.min(keepaliveInterval + KEEPALIVE_ANSWER, 0x7fff_ffff);
}

/** Returns the gateway's error if SSH reports only a lost connection. */
function gatewayError(error: unknown): unknown {
  return error instanceof SshError && error.code === "connection-lost" && error.cause instanceof SshError
    ? error.cause
    : error;
}
