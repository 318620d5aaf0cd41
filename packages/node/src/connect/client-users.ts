import { type ForwardAgentOptions, forwardAgent } from "../keys/forward-agent.ts";

/** Options that the users in the list add to `connect`. */
export interface UserConnectOptions extends ForwardAgentOptions {}

/** The users of a client's connections that begin with the login, with what Node adds to them. */
export const clientList: {
  readonly forwardAgent: typeof forwardAgent;
} = {
  forwardAgent,
};
