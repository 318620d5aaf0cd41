import { ForwardingClient } from "./bound-clients.ts";
import { type WebStreams, webStreams } from "./streams/web-streams.ts";
import type { LoggedIn } from "./users/client/client.ts";
import type { Process } from "./users/session/process.ts";
import { webProcess } from "./users/session/spawn.ts";

/** A logged-in SSH connection with Web streams. Any number of commands and forwarded connections can share it. */
export class Client extends ForwardingClient<WebStreams, Process> {
  /** Call `connect` instead of this constructor. */
  constructor(connection: LoggedIn) {
    super(connection, webStreams, webProcess);
  }
}
