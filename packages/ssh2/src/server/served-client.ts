import type { Connection, ConnectionMux, MUX } from "../connection.ts";

/** Key of what serves the socket of a connection; `undefined` before it begins. */
export const LINK: unique symbol = Symbol("link");

/** What serves the socket of a connection. */
export interface ClientLink {
  /** Disconnects in order: what the client still sends is handled until it ends its direction, at most two seconds later. */
  end(): void;
  /** Begins a key exchange. Returns false if there is none yet to replace, and after the end. */
  rekey(): boolean;
  /** Returns what `decode` makes of a message of the client. A malformed one ends the connection; then it returns `undefined`. */
  decoded<T>(decode: () => T): T | undefined;
}

/** A server's connection to one client, for the parts that emit its events. */
export interface ServedClient extends Connection {
  [MUX]: ConnectionMux | undefined;
  [LINK]: ClientLink | undefined;
  authenticated: boolean;
  noMoreSessions: boolean;
}
