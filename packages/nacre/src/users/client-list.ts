import { agentClient } from "./agent/client.ts";

/**
 * The users of a client's connections that begin with the login. What they add to the options and limits of `connect` follows from this
 * list.
 */
export const clientList: {
  readonly agentClient: typeof agentClient;
} = {
  agentClient,
};
