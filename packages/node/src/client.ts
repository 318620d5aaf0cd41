import { Client as AnyClient, type ClientKind, type LoggedIn } from "nacre/parts";
import { type NodeStreams, nodeStreams } from "./node-streams.ts";
import { NodeProcess } from "./process.ts";

const nodeClient: ClientKind<NodeStreams, NodeProcess> = {
  streams: nodeStreams,
  makeProcess: (channel) => new NodeProcess(channel),
};

/** An SSH connection that is logged in, with Node streams. */
export class Client extends AnyClient<NodeStreams, NodeProcess> {
  constructor(connection: LoggedIn) {
    super(connection, nodeClient);
  }
}
