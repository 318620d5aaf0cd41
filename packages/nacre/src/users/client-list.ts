import type { Limits } from "@nacre/protocol";
import { type AgentConnectOptions, type AgentLimits, agentClient } from "./agent/client.ts";

/** Options that the users in the list add to `connect`. */
export interface UserConnectOptions extends AgentConnectOptions {}

/** All limits of a client's connection. */
export interface ClientLimits extends Limits, AgentLimits {}

/** The users of a client's connections that begin with the login. */
export const clientList: {
  readonly agentClient: typeof agentClient;
} = {
  agentClient,
};
