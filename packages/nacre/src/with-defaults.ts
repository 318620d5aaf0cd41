import { defaultSignatureAlgorithms, sha256Fingerprint } from "@nacre/keys";
import { checkConnectOptions } from "./check.ts";
import { Client, connectDuplex as connectWith, type LoggedIn, webClient } from "./client/client.ts";
import type { ConnectOptions, CryptoProvider } from "./client/options.ts";
import { defaultAlgorithms, defaultServerAlgorithms } from "./defaults.ts";
import { type ByteStreams, type Duplex, webDuplex } from "./mux/duplex.ts";
import { CONNECT_OPTIONS, checkNames, SERVE_OPTIONS } from "./option-names.ts";
import type { ServerConnection } from "./server/connection.ts";
import type { ServeOptions } from "./server/options.ts";
import { checkServeOptions, serveDuplex as serveWith } from "./server/server.ts";
import type { BaseSession, SessionMaker } from "./session/base-session.ts";
import { Session } from "./session/session.ts";

/**
 * Connects over a pair of byte streams, verifies the host key, and logs in. Throws an `SshError` whose `code` and
 * `culprit` tell why it could not: `usage` for options that cannot be, which leaves the streams alone.
 */
export async function connect(streams: ByteStreams, options: ConnectOptions): Promise<Client> {
  checkNames({ ...options }, CONNECT_OPTIONS, "connect");
  checkConnectOptions({ ...options });
  return connectDuplex(webDuplex(streams), options);
}

/** `connect` for any kind of byte connection, and of client: one with Web streams by default. */
export function connectDuplex(duplex: Duplex, options: ConnectOptions): Promise<Client>;
export function connectDuplex<C>(
  duplex: Duplex,
  options: ConnectOptions,
  makeClient: (connection: LoggedIn) => C,
): Promise<C>;
export async function connectDuplex(
  duplex: Duplex,
  options: ConnectOptions,
  makeClient: (connection: LoggedIn) => unknown = (connection) => new Client(connection, webClient),
): Promise<unknown> {
  try {
    checkNames({ ...options }, CONNECT_OPTIONS, "connect");
  } catch (error) {
    await duplex.close();
    throw error;
  }
  // Programs without types may pass no options; the check of the options reports that.
  const { algorithms = defaultAlgorithms } = { ...options };
  const complete = { ...options, algorithms, fingerprint: sha256Fingerprint };
  return connectWith(duplex, complete, makeClient);
}

/**
 * Serves one client over a pair of byte streams: proves the host key, asks `authenticate` about each login, and runs the handlers
 * for what the client starts. Begins at once. Throws `usage` for options that cannot be, and leaves the streams alone then.
 */
export function serve(streams: ByteStreams, options: ServeOptions<Session>): ServerConnection {
  const complete = withCryptoProvider(options);
  checkServeOptions(complete);
  return serveWith(webDuplex(streams), complete, (channel, start) => new Session(channel, start));
}

/** `serve` for any kind of byte connection and of session. */
export function serveDuplex<S extends BaseSession>(
  duplex: Duplex,
  options: ServeOptions<S>,
  makeSession: SessionMaker<S>,
): ServerConnection {
  return serveWith(duplex, withCryptoProvider(options), makeSession);
}

function withCryptoProvider<S>(options: ServeOptions<S>): ServeOptions<S> & CryptoProvider {
  checkNames({ ...options }, SERVE_OPTIONS, "serve");
  // Programs without types may pass no options; the check of the options reports that.
  const { algorithms = defaultServerAlgorithms, userKeys = defaultSignatureAlgorithms } = { ...options };
  return { ...options, algorithms, userKeys, fingerprint: sha256Fingerprint };
}
