import type { NegotiatedAlgorithms } from "@nacre/transport";
import { SshError } from "@nacre/wire";
import { defaultServerAlgorithms } from "./defaults.ts";
import { type ByteStreams, type Duplex, webDuplex } from "./duplex.ts";
import { ServerDriver } from "./server-driver.ts";
import type { ServeOptions } from "./server-options.ts";
import { Session } from "./session.ts";
import type { BaseSession, SessionMaker } from "./session-base.ts";

/** The server's side of a connection, with one client. */
export interface ServerConnection extends AsyncDisposable {
  /** Resolves with the reason when the connection has ended and all it held is released. Never rejects. */
  readonly ended: Promise<SshError>;
  /** Who is logged in; `undefined` while nobody is. As the client sent it: escape it before showing it. */
  readonly user: string | undefined;
  /** The client's identification, `"SSH-2.0-OpenSSH_10.0"`, once it is known. */
  readonly clientVersion: string | undefined;
  /** What was agreed on, once it was. */
  readonly negotiated: NegotiatedAlgorithms | undefined;
  /** Sessions that are open. */
  readonly sessionCount: number;
  /** Agrees on new keys now, before a limit asks for it. Has no effect before login. */
  rekey(): void;
  /**
   * Says goodbye and resolves when all is released. Nothing new is begun from now on; sessions that run have `grace` milliseconds
   * to end, none by default. Handlers that still run then hear of it by their `signal`.
   */
  close(options?: { readonly grace?: number }): Promise<void>;
}

/**
 * Serves one client over a pair of byte streams: proves the host key, asks `authenticate` about each login, and runs the handlers
 * for what the client starts. Begins at once. Throws `usage` for options that cannot be, and leaves the streams alone then.
 */
export function serve(streams: ByteStreams, options: ServeOptions<Session>): ServerConnection {
  checkServeOptions(options);
  return serveDuplex(webDuplex(streams), options, (channel, start) => new Session(channel, start));
}

/** `serve` for any kind of byte connection and of session: what `@nacre/node` is made with. */
export function serveDuplex<S extends BaseSession>(
  duplex: Duplex,
  options: ServeOptions<S>,
  makeSession: SessionMaker<S>,
): ServerConnection {
  checkServeOptions(options);
  const driver = new ServerDriver(duplex, options, makeSession);
  driver.start();
  return driver;
}

/** Throws `usage` for options that no client could be served with. */
export function checkServeOptions({
  hostKeys,
  authenticate,
  algorithms,
}: Pick<ServeOptions<unknown>, "hostKeys" | "authenticate" | "algorithms">): void {
  const can = (algorithms ?? defaultServerAlgorithms).hostKeys.map(({ keyFormat }) => keyFormat);
  if (!hostKeys.some(({ publicKey }) => can.includes(publicKey.format)))
    throw new SshError("usage", "a server needs a host key, of a kind that its algorithms name");
  if (typeof authenticate !== "function")
    throw new SshError("usage", "a server needs a function that decides who is let in: authenticate");
}
