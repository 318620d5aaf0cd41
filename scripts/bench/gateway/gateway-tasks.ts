/** Tasks of the `gateway` case for child processes. */
import type { Address } from "../tunnel/tunnel-tasks.ts";

/** Task for a relay: listen on a free port of 127.0.0.1, and relay WebSockets to `to`. */
export interface RelayTask {
  readonly kind: "relay";
  readonly to: Address;
}

export interface RelayResult {
  /** URL of the WebSockets. */
  readonly url: string;
}

/** Task for a relay: return what pages need to open `count` connections. */
export interface TicketsTask {
  readonly kind: "tickets";
  readonly count: number;
}

/** One ticket for each connection; empty if the relay needs none. */
export type TicketsResult = readonly string[];

/** Task for a relay: collect garbage, and report the memory of the process. */
export interface WeighTask {
  readonly kind: "weigh";
}

/** Memory of a process in bytes. */
export interface Weight {
  readonly resident: number;
  readonly heap: number;
  /** Memory outside the heap that belongs to JavaScript objects, mostly buffers. */
  readonly external: number;
}

/** Task for the target: serve plain TCP on a free port, and send back what arrives. */
export interface ServeEchoTask {
  readonly kind: "serve-echo";
}

/** Task for the pages: open `count` connections through a relay and keep them. */
export interface OpenPagesTask {
  readonly kind: "open-pages";
  readonly url: string;
  /** Subprotocol: `nacre.v1` is resumable. */
  readonly protocol: "nacre.v1" | "binary";
  readonly to: Address;
  readonly count: number;
  readonly tickets: TicketsResult;
}

/** Task for the pages: send data on all connections at once, receive it back, and compare each byte. */
export interface EchoPagesTask {
  readonly kind: "echo-pages";
  /** Bytes of each connection. */
  readonly bytes: number;
  /** Bytes of each `write`. */
  readonly piece: number;
  /** Most bytes of a connection that are sent but not received back. */
  readonly window: number;
}

export interface EchoPagesResult {
  readonly seconds: number;
}

/** Task for the pages: close all connections. */
export interface ClosePagesTask {
  readonly kind: "close-pages";
}
