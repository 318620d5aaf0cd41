import type { Duplex } from "../mux/duplex.ts";
import type { ServerConnection } from "../server/connection.ts";
import type { ListenAddress } from "./remote-listener.ts";
import type { ForwardTarget, Originator } from "./target.ts";

/** Forwarding that a server offers its clients (RFC 4254 §7, OpenSSH PROTOCOL §2.4). A kind that has no function is refused. */
export interface Forwarding {
  /**
   * Connects to `target` for a client. Called only for a login whose `permissions.portForwarding` is true and whose `permitOpen` lists have
   * the target. The byte connection belongs to Nacre from then on. A rejection with an `SshError` of code `forward-denied` tells the client
   * that the server prohibits the connection, `forward-limit` that it is short of resources, and every other error that it cannot connect.
   * The text of the error goes to the log alone.
   */
  readonly connect?: ((target: ForwardTarget, context: ConnectContext) => Promise<Duplex>) | undefined;
  /**
   * Listens at `address` for a client, and hands connections to `context.accept`. Called only for a login whose `permissions.portForwarding`
   * is true and whose `permitListen` lists have the address. A rejection refuses the request. Requests of one client are handled one after
   * another, so a listener that takes long to open delays those behind it.
   */
  readonly listen?: ((address: ListenAddress, context: ListenContext) => Promise<ForwardingListener>) | undefined;
}

/** The client that asks for forwarding. */
export interface ForwardContext {
  readonly connection: ServerConnection;
  /** As the client sent it: escape it before showing it. */
  readonly user: string;
  /** Aborts when the SSH connection ends; that of a listener also when the client cancels it. */
  readonly signal: AbortSignal;
}

/** A client's request for a connection onward. */
export interface ConnectContext extends ForwardContext {
  /** Where the client says that the connection comes from; `undefined` for a Unix socket. */
  readonly originator: Originator | undefined;
}

/** A client's request for a listener. */
export interface ListenContext extends ForwardContext {
  /**
   * Offers the client a connection, which belongs to Nacre from then on. It is closed if the client refuses it or has cancelled the listener,
   * and beyond `maxForwardedConnections`. `originator`: where it comes from; `undefined` for a Unix socket.
   */
  accept(this: void, duplex: Duplex, originator?: Originator): void;
}

/** A listener that a server opened for a client. */
export interface ForwardingListener {
  /** The port that it listens at: needed where port 0 was asked for. */
  readonly port?: number | undefined;
  /** Stops listening and releases everything except accepted connections. Resolves within a bounded time; never rejects. */
  close(): Promise<void>;
}
