import type { Connection, ConnectionMux, MUX } from "../connection.ts";

/** Key of what serves the socket of a connection; `undefined` before it begins. */
export const DRIVER: unique symbol = Symbol("driver");

/** What serves the socket of a connection. */
export interface ConnectionDriver {
  /** Disconnects. Handles the client's input until its FIN, at most two seconds. */
  end(): void;
  /** Begins a key exchange. Returns false before the first key exchange and after the end. */
  rekey(): boolean;
  /** Decodes a message. On malformed input it ends the connection and returns `undefined`. */
  decoded<T>(decode: () => T): T | undefined;
}

/** A server's connection to one client, for the parts that emit its events. */
export interface ServedClient extends Connection {
  [MUX]: ConnectionMux | undefined;
  [DRIVER]: ConnectionDriver | undefined;
  authenticated: boolean;
  noMoreSessions: boolean;
}
