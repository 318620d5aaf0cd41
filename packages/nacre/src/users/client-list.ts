// The users of a client's connections that begin with the login: one line for each. What they add to the options and limits of `connect`
// follows from this list.
export { agentClient } from "./agent/client.ts";
