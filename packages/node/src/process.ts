import { BaseProcess, type Channel } from "nacre/internal";
import { type NodeStreams, nodeStreams } from "./node-streams.ts";

/**
 * A running remote command with Node streams. If the connection breaks, reads, writes and `exit` fail with the error. An error of a stream
 * without listeners is never an uncaught exception.
 */
export class NodeProcess extends BaseProcess<NodeStreams> {
  /** `hasTerminal` tells whether the command runs on a pseudo-terminal; default false. */
  constructor(channel: Channel, hasTerminal: boolean = false) {
    super(channel, nodeStreams, hasTerminal);
  }
}
