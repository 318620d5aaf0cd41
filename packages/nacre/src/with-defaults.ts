import { defaultSignatureAlgorithms, sha256Fingerprint } from "@nacre/keys";
import type { Overrides } from "@nacre/wire";
import { defaultAlgorithms, defaultServerAlgorithms } from "./defaults.ts";
import { connectDuplex as connectWith, type LoggedIn } from "./login/client/base-client.ts";
import { type Client, forwardingClient } from "./login/client/client.ts";
import { checkLoginMethods } from "./login/client/method.ts";
import type { ConnectOptions as BaseOptions, ClientProvider } from "./login/client/options.ts";
import { type ClientUsers, joinUsers } from "./login/client/users.ts";
import { clientMethods, serverMethods } from "./login/methods/list.ts";
import { SERVE_OPTIONS, type ServeOptions, type ServerProvider } from "./login/server/options.ts";
import { checkServeOptions, serveDuplex as serveWith } from "./login/server/server.ts";
import { type ByteStreams, type Duplex, webDuplex } from "./mux/duplex.ts";
import { chooseAlgorithms } from "./options/algorithms.ts";
import { checkOptions } from "./options/schema.ts";
import type { ServerConnection } from "./users/base/server-connection.ts";
import { type ClientLimits, clientList, type UserConnectOptions } from "./users/client-list.ts";
import type { BaseSession, SessionMaker } from "./users/session/base-session.ts";
import { Session } from "./users/session/session.ts";
import { encodeTerminalModes } from "./users/session/terminal-modes.ts";
import { withDescriptions } from "./watchers.ts";

/** All options of `connect` except the byte stream. */
export interface ConnectOptions extends Omit<BaseOptions, "limits">, UserConnectOptions {
  /** Limits that override the defaults. */
  readonly limits?: Overrides<ClientLimits> | undefined;
}

const USERS: ClientUsers<ConnectOptions> = /* @__PURE__ */ joinUsers(clientList);

/**
 * Connects over a pair of byte streams, verifies the host key, and logs in. Rejects with an `SshError`: `code` names the cause, `culprit`
 * the side at fault. Rejects with `usage` for invalid options, and then leaves the streams untouched.
 */
export async function connect(streams: ByteStreams, options: ConnectOptions): Promise<Client> {
  // Checks the options before it locks the streams.
  completeOptions(options);
  return connectDuplex(webDuplex(streams), options);
}

/**
 * Connects over any kind of byte connection. `makeClient` makes the client; by default one with Web streams. Rejects as `connect` does, and
 * then closes the byte connection.
 */
export function connectDuplex(duplex: Duplex, options: ConnectOptions): Promise<Client>;
export function connectDuplex<C>(
  duplex: Duplex,
  options: ConnectOptions,
  makeClient: (connection: LoggedIn) => C,
): Promise<C>;
export async function connectDuplex(
  duplex: Duplex,
  options: ConnectOptions,
  makeClient: (connection: LoggedIn) => unknown = forwardingClient,
): Promise<unknown> {
  let complete: ConnectOptions & ClientProvider;
  try {
    complete = completeOptions(options);
  } catch (error) {
    await duplex.close();
    throw error;
  }
  return connectWith(duplex, complete, makeClient);
}

function completeOptions(options: ConnectOptions): ConnectOptions & ClientProvider {
  checkOptions({ ...options }, USERS.options, "`connect`");
  const complete = {
    ...options,
    algorithms: chooseAlgorithms(options.algorithms, defaultAlgorithms),
    fingerprint: sha256Fingerprint,
    encodeModes: encodeTerminalModes,
    loginMethods: clientMethods,
    users: USERS,
    trace: withDescriptions(options.trace),
  };
  checkLoginMethods(complete);
  return complete;
}

/**
 * Serves one client over a pair of byte streams, starting now. Proves the host key, calls `authenticate` for each login, and runs handlers
 * for the client's requests. Throws `usage` for invalid options, and then leaves the streams untouched.
 */
export function serve(streams: ByteStreams, options: ServeOptions<Session>): ServerConnection {
  // Checks the options before it locks the streams.
  const complete = withServerProvider(options);
  return serveWith(webDuplex(streams), complete, (channel, start) => new Session(channel, start));
}

/** Serves one client over any kind of byte connection, with sessions that `makeSession` makes. Throws as `serve` does. */
export function serveDuplex<S extends BaseSession>(
  duplex: Duplex,
  options: ServeOptions<S>,
  makeSession: SessionMaker<S>,
): ServerConnection {
  return serveWith(duplex, withServerProvider(options), makeSession);
}

function withServerProvider<S>(options: ServeOptions<S>): ServeOptions<S> & ServerProvider {
  checkOptions({ ...options }, SERVE_OPTIONS, "`serve`");
  const { userKeys = defaultSignatureAlgorithms, trace } = options;
  const algorithms = chooseAlgorithms(options.algorithms, defaultServerAlgorithms);
  const complete = {
    ...options,
    algorithms,
    userKeys,
    fingerprint: sha256Fingerprint,
    loginMethods: serverMethods,
    trace: withDescriptions(trace),
  };
  checkServeOptions(complete);
  return complete;
}
