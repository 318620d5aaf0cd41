import { sha256Fingerprint } from "@nacre/keys";
import { usage } from "./check.ts";
import { BaseClient, connectDuplex as connectWith, type LoggedIn, webClient } from "./login/client/base-client.ts";
import { checkLoginMethods } from "./login/client/method.ts";
import { type ClientProvider, CONNECT_OPTIONS, type ConnectOptions } from "./login/client/options.ts";
import { clientNone, serverNone } from "./login/methods/list.ts";
import { clientPublickey, serverPublickey } from "./login/methods/publickey.ts";
import { SERVE_OPTIONS, type ServeOptions } from "./login/server/options.ts";
import { checkServeOptions, serveDuplex } from "./login/server/server.ts";
import { type ByteStreams, type Duplex, webDuplex } from "./mux/duplex.ts";
import { type CryptoProvider, checkAlgorithms } from "./options/algorithms.ts";
import { checkOptions } from "./options/schema.ts";
import type { ServerConnection } from "./users/base/server-connection.ts";
import { Session } from "./users/session/session.ts";
import { madeTrace } from "./watchers.ts";

type Algorithms = Pick<CryptoProvider, "algorithms">;

/** Makes a client without forwarding. */
const baseClient = (connection: LoggedIn): BaseClient => new BaseClient(connection, webClient);

/**
 * Connects over a pair of byte streams, verifies the host key, and logs in. Uses only the algorithms passed in, so a bundle contains no
 * others. The client has no `dial` and `listen`; pass `forwardingClient` as `makeClient` for one that has. Rejects with an `SshError`:
 * `code` names the cause, `culprit` the side at fault.
 */
export function connect(streams: ByteStreams, options: ConnectOptions & Algorithms): Promise<BaseClient>;
export function connect<C>(
  streams: ByteStreams,
  options: ConnectOptions & Algorithms,
  makeClient: (connection: LoggedIn) => C,
): Promise<C>;
export async function connect(
  streams: ByteStreams,
  options: ConnectOptions & Algorithms,
  makeClient: (connection: LoggedIn) => unknown = baseClient,
): Promise<unknown> {
  const complete = completeOptions(options);
  return connectWith(webDuplex(streams), complete, makeClient);
}

/** Connects over any kind of byte connection, such as `webSocketDuplex` of `@nacre/web`. Rejects as `connect` does, and then closes it. */
export function connectDuplex(duplex: Duplex, options: ConnectOptions & Algorithms): Promise<BaseClient>;
export function connectDuplex<C>(
  duplex: Duplex,
  options: ConnectOptions & Algorithms,
  makeClient: (connection: LoggedIn) => C,
): Promise<C>;
export async function connectDuplex(
  duplex: Duplex,
  options: ConnectOptions & Algorithms,
  makeClient: (connection: LoggedIn) => unknown = baseClient,
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

/** Throws `usage` for invalid options. */
function completeOptions(options: ConnectOptions & Algorithms): ConnectOptions & ClientProvider {
  // Other methods are in the bundle only if the program names them.
  const complete = { ...options, fingerprint: sha256Fingerprint, loginMethods: [clientPublickey, clientNone] };
  checkOptions({ ...options }, CONNECT_OPTIONS, "`connect`");
  if (typeof options.algorithms !== "object") throw usage("`algorithms` is required; pass the algorithms to offer");
  checkAlgorithms(options.algorithms);
  checkLoginMethods(complete);
  madeTrace(options.trace);
  return complete;
}

/**
 * Serves one client over a pair of byte streams, starting now. Uses only the algorithms passed in, so a bundle contains no others. Throws
 * `usage` for invalid options, and then leaves the streams untouched.
 */
export function serve(streams: ByteStreams, options: ServeOptions<Session> & Algorithms): ServerConnection {
  const complete = { ...options, fingerprint: sha256Fingerprint, loginMethods: [serverNone, serverPublickey] };
  checkOptions({ ...options }, SERVE_OPTIONS, "`serve`");
  checkServeOptions(complete);
  madeTrace(options.trace);
  return serveDuplex(webDuplex(streams), complete, (channel, start) => new Session(channel, start));
}
