import { sha256Fingerprint } from "@nacre/keys";
import { checkConnectOptions, usage } from "./check.ts";
import { BaseClient, connectDuplex, type LoggedIn, webClient } from "./client/base-client.ts";
import type { ConnectOptions, CryptoProvider } from "./client/options.ts";
import { type ByteStreams, webDuplex } from "./mux/duplex.ts";
import { CONNECT_OPTIONS, checkNames, SERVE_OPTIONS } from "./option-names.ts";
import type { ServerConnection } from "./server/connection.ts";
import type { ServeOptions } from "./server/options.ts";
import { checkServeOptions, serveDuplex } from "./server/server.ts";
import { Session } from "./session/session.ts";

type Algorithms = Pick<CryptoProvider, "algorithms">;

/**
 * Connects over a pair of byte streams, verifies the host key, and logs in. Uses only the algorithms passed in, so a bundle contains no
 * others. The client has no `dial` and `listen`; pass `forwardingClient` as `makeClient` for one that has. Rejects with an `SshError`: `code` names
 * the cause, `culprit` the side at fault.
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
  makeClient: (connection: LoggedIn) => unknown = (connection) => new BaseClient(connection, webClient),
): Promise<unknown> {
  const complete = { ...options, fingerprint: sha256Fingerprint };
  checkNames({ ...options }, CONNECT_OPTIONS, "`connect`");
  checkConnectOptions(complete);
  if (typeof options.algorithms !== "object") throw usage("`algorithms` is required; pass the algorithms to offer");
  return connectDuplex(webDuplex(streams), complete, makeClient);
}

/**
 * Serves one client over a pair of byte streams, starting now. Uses only the algorithms passed in, so a bundle contains no others. Throws
 * `usage` for invalid options, and then leaves the streams untouched.
 */
export function serve(streams: ByteStreams, options: ServeOptions<Session> & Algorithms): ServerConnection {
  const complete = { ...options, fingerprint: sha256Fingerprint };
  checkNames({ ...options }, SERVE_OPTIONS, "`serve`");
  checkServeOptions(complete);
  return serveDuplex(webDuplex(streams), complete, (channel, start) => new Session(channel, start));
}
