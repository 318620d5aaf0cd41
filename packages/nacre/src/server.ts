import type { NegotiatedAlgorithms } from "@nacre/transport";
import { SshError } from "@nacre/wire";
import type { Duplex } from "./duplex.ts";
import type { Means } from "./options.ts";
import { ServerDriver } from "./server-driver.ts";
import type { ServeOptions } from "./server-options.ts";
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

/** Serves one client over any kind of byte connection, with any kind of session: what `@nacre/node` is made with. */
export function serveDuplex<S extends BaseSession>(
  duplex: Duplex,
  options: ServeOptions<S> & Means,
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
}: Pick<ServeOptions<unknown> & Means, "hostKeys" | "authenticate" | "algorithms">): void {
  const can = algorithms.hostKeys.map(({ keyFormat }) => keyFormat);
  if (!hostKeys.some(({ publicKey }) => can.includes(publicKey.format)))
    throw new SshError("usage", "a server needs a host key, of a kind that its algorithms name");
  if (typeof authenticate !== "function")
    throw new SshError("usage", "a server needs a function that decides who is let in: authenticate");
}
