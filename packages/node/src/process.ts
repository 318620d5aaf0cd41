import { BaseProcess, type Channel } from "nacre/internal";
import { type NodeStreams, nodeStreams } from "./node-streams.ts";

/**
 * A running remote command, with Node streams. If the connection breaks, reads, writes and `exit` fail with the error; a stream that
 * nobody listens to does not end the program with an unhandled one.
 */
export class NodeProcess extends BaseProcess<NodeStreams> {
  constructor(channel: Channel) {
    super(channel, nodeStreams);
  }
}
