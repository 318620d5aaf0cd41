import { type SessionHandler as AnySessionHandler, BaseSession, type Channel, type SessionStart } from "nacre/internal";
import { type NodeStreams, nodeStreams } from "./node-streams.ts";

/** The two ends of a TCP connection. */
export interface Endpoints {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
}

/** Serves a session of `listen`: see `SessionHandler` of `nacre`. */
export type SessionHandler<S = NodeSession> = AnySessionHandler<S>;

/** A session that a client has requested, with Node streams. An error that nobody listens for does not end the program. */
export class NodeSession extends BaseSession<NodeStreams> {
  /** The two ends of its TCP connection: what `SSH_CONNECTION` tells a command. */
  readonly endpoints: Endpoints;

  constructor(channel: Channel, start: SessionStart, endpoints: Endpoints) {
    super(channel, start, nodeStreams);
    this.endpoints = endpoints;
  }
}
