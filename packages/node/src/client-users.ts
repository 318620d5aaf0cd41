// The users of a client's connections that begin with the login, with what Node adds to them: one line for each.
export { forwardAgent } from "./keys/forward-agent.ts";
