import { forwardAgent } from "../keys/forward-agent.ts";

/** The users of a client's connections that begin with the login, with what Node adds to them. */
export const clientList: {
  readonly forwardAgent: typeof forwardAgent;
} = {
  forwardAgent,
};
