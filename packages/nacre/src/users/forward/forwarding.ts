import type { Factor } from "@nacre/auth";
import type { Duplex } from "../../mux/duplex.ts";
import type { ServerConnection } from "../server/server-connection.ts";
import type { ListenAddress } from "./remote-listener.ts";
import type { ForwardTarget, Originator } from "./target.ts";

/** Forwarding functions of a server (RFC 4254 §7, OpenSSH PROTOCOL §2.4). Without a function, that kind of forwarding is refused. */
export interface Forwarding {
  /**
   * Connects to `target` for a client, and returns the byte connection, which Nacre then owns. Called only if the login has
   * `permissions.portForwarding` and its `permitOpen` lists include the target.
   *
   * An `SshError` with code `forward-denied` is reported to the client as prohibited, `forward-limit` as a resource shortage, and any other
   * error as a failure to connect. The error message is only logged.
   */
  readonly connect?: ((target: ForwardTarget, context: ConnectContext) => Promise<Duplex>) | undefined;
  /**
   * Listens at `address` for a client, and passes connections to `context.accept`. Called only if the login has
   * `permissions.portForwarding` and its `permitListen` lists include the address. A rejection refuses the request. Requests of one client
   * are handled one at a time, so a listener that opens slowly delays later requests.
   */
  readonly listen?: ((address: ListenAddress, context: ListenContext) => Promise<ForwardingListener>) | undefined;
}

/** The client that requests forwarding. */
export interface ForwardContext {
  readonly connection: ServerConnection;
  /** User name as the client sent it: escape it before display. */
  readonly user: string;
  /** Factors that the client logged in with. The signatures of keys and certificates are verified. */
  readonly factors: readonly Factor[];
  /** Address of the client, from the option `remoteAddress`. */
  readonly remoteAddress: string | undefined;
  /** Forced command of the login (`permissions.command`); `undefined` without one. */
  readonly forcedCommand: string | undefined;
  /** Aborts when the SSH connection ends. For a listener, also when the client cancels it. */
  readonly signal: AbortSignal;
}

/** A client's request for a connection to a target. */
export interface ConnectContext extends ForwardContext {
  /** Origin of the connection, as the client reports it; `undefined` for a Unix socket. */
  readonly originator: Originator | undefined;
}

/** A client's request for a listener. */
export interface ListenContext extends ForwardContext {
  /**
   * Offers a connection to the client. Nacre then owns it, and closes it if the client refuses it, if the listener is cancelled, or beyond
   * `maxForwardedConnections`. `originator` is its origin; `undefined` for a Unix socket.
   */
  accept(this: void, duplex: Duplex, originator?: Originator): void;
}

/** A listener that a server opened for a client. */
export interface ForwardingListener {
  /** Port that the listener uses. Required if the client requested port 0. */
  readonly port?: number | undefined;
  /** Stops listening and releases all resources except accepted connections. Resolves within a bounded time. Never rejects. */
  close(): Promise<void>;
}
