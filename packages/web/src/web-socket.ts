import { TUNNEL_SUBPROTOCOL } from "@nacre/tunnel";
import type { Bytes } from "@nacre/wire";

/** The members of a `WebSocket` that Nacre uses. Browsers, workers, Node 22, Deno, Bun and the `ws` package provide them. */
export interface WebSocketLike {
  binaryType: string;
  /** Number of bytes sent but not yet handed to the network. */
  readonly bufferedAmount: number;
  /** The subprotocol that the server selected; empty if it selected none. */
  readonly protocol: string;
  /** Connection state: 0 connecting, 1 open, 2 closing, 3 closed. */
  readonly readyState: number;
  readonly url: string;
  /** Sends a binary message. The platform's `WebSocket` must copy it, as the standard says; another class may send it later. */
  send(data: Bytes): void;
  /** Starts the closing handshake. */
  close(code?: number, reason?: string): void;
  /** Adds a listener for the completed opening handshake. */
  addEventListener(type: "open", listener: () => void): void;
  /** Adds a listener for messages. */
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  /** Adds a listener for error events. */
  addEventListener(type: "error", listener: (event: object) => void): void;
  /** Adds a listener for the close event. */
  addEventListener(type: "close", listener: (event: { readonly code: number; readonly reason: string }) => void): void;
}

/** Constructor of a WebSocket class. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/**
 * Subprotocols to offer, in this order. websockify selects "binary"; a Nacre gateway selects the resumable "nacre.v1". The connection is
 * plain if the server selects none.
 */
export const WEB_SOCKET_SUBPROTOCOLS: readonly string[] = ["binary", TUNNEL_SUBPROTOCOL];
