import { type SessionHandler as AnySessionHandler, BaseSession, type Channel, type SessionStart } from "nacre/internal";
import { type NodeStreams, nodeStreams } from "./node-streams.ts";

/** Local and remote endpoint of a TCP connection. */
export interface Endpoints {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
}

/** Handles sessions of `listen`; see `SessionHandler` of `nacre`. */
export type SessionHandler<S = NodeSession> = AnySessionHandler<S>;

/** A session requested by a client, with Node streams. Stream errors without a listener never become uncaught exceptions. */
export class NodeSession extends BaseSession<NodeStreams> {
  /** Endpoints of the TCP connection, for a command's `SSH_CONNECTION` variable. */
  readonly endpoints: Endpoints;

  constructor(channel: Channel, start: SessionStart, endpoints: Endpoints) {
    super(channel, start, nodeStreams);
    this.endpoints = endpoints;
  }
}
