import { type SessionHandler as AnySessionHandler, BaseSession, type Channel, type SessionStart } from "nacre/extend";
import { dropUnheard } from "../streams/error-policy.ts";
import { type NodeStreams, nodeStreamsWith } from "../streams/node-streams.ts";

/** Local and remote endpoint of a TCP connection. */
export interface Endpoints {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly localPort: number;
}

/** Handles sessions of `listen`; see `SessionHandler` of `nacre`. */
export type SessionHandler<S = NodeSession> = AnySessionHandler<S>;

/** A client that leaves must not end the program: errors of the streams need no listener. */
const sessionStreams = nodeStreamsWith(dropUnheard);

/** A session requested by a client, with Node streams. Stream errors without a listener never become uncaught exceptions. */
export class NodeSession extends BaseSession<NodeStreams> {
  /** Endpoints of the TCP connection, for a command's `SSH_CONNECTION` variable. */
  readonly endpoints: Endpoints;

  constructor(channel: Channel, start: SessionStart, endpoints: Endpoints) {
    super(channel, start, sessionStreams);
    this.endpoints = endpoints;
  }
}
