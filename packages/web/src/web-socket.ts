import { TUNNEL_SUBPROTOCOL } from "@nacre/tunnel";
import type { Bytes } from "@nacre/wire";

/** The part of a `WebSocket` that is used: of browsers, workers, Node 22, Deno and Bun, or of the `ws` package. */
export interface WebSocketLike {
  binaryType: string;
  /** Bytes that were sent and not handed to the network yet. */
  readonly bufferedAmount: number;
  /** The subprotocol that the server picked; empty for none. */
  readonly protocol: string;
  /** 0 while connecting, 1 when open, 2 while closing, 3 when closed. */
  readonly readyState: number;
  readonly url: string;
  /** Sends a binary message. */
  send(data: Bytes): void;
  /** Starts the closing handshake. */
  close(code?: number, reason?: string): void;
  /** Adds a listener for the end of the opening handshake. */
  addEventListener(type: "open", listener: () => void): void;
  /** Adds a listener for messages. */
  addEventListener(type: "message", listener: (event: { readonly data: unknown }) => void): void;
  /** Adds a listener for failures. */
  addEventListener(type: "error", listener: (event: object) => void): void;
  /** Adds a listener for the end. */
  addEventListener(type: "close", listener: (event: { readonly code: number; readonly reason: string }) => void): void;
}

/** A class of WebSockets. */
export type WebSocketConstructor = new (url: string, protocols: string[]) => WebSocketLike;

/**
 * Subprotocols to offer, in this order: websockify picks "binary", a Nacre gateway the resumable "nacre.v1". A server that picks none carries
 * plain bytes.
 */
export const WEB_SOCKET_SUBPROTOCOLS: readonly string[] = ["binary", TUNNEL_SUBPROTOCOL];
