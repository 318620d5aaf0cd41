import { agentServer } from "./agent/server.ts";
import { applicationServer } from "./application/server.ts";
import { forwardServer } from "./forward/server.ts";
import { sessionServer } from "./session/server.ts";

/** The users of a server's connections. What they add to the options, permissions, limits and events of `serve` follows from this list. */
export const serverList: {
  readonly agentServer: typeof agentServer;
  readonly applicationServer: typeof applicationServer;
  readonly forwardServer: typeof forwardServer;
  readonly sessionServer: typeof sessionServer;
} = {
  agentServer,
  applicationServer,
  forwardServer,
  sessionServer,
};
