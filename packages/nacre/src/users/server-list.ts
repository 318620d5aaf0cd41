import { type AgentPermissions, type AgentServeOptions, agentServer } from "./agent/server.ts";
import { type ApplicationPermissions, type ApplicationServeOptions, applicationServer } from "./application/server.ts";
import {
  type ForwardLimits,
  type ForwardPermissions,
  type ForwardServeOptions,
  forwardServer,
} from "./forward/server.ts";
import {
  type SessionLimits,
  type SessionPermissions,
  type SessionServeOptions,
  sessionServer,
} from "./session/server/server.ts";

// `server-users.ts` does not compile if one of these types does not fit the list.

/** Options that the users in the list add to `serve`. */
export interface UserServeOptions<S>
  extends SessionServeOptions<S>,
    AgentServeOptions,
    ApplicationServeOptions,
    ForwardServeOptions {}

/** Permissions that they check. */
export interface UserPermissions
  extends SessionPermissions,
    AgentPermissions,
    ApplicationPermissions,
    ForwardPermissions {}

/** Their limits. */
export interface UserLimits extends ForwardLimits, SessionLimits {}

/** The users of a server's connections. */
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
