// The users of a server's connections: one line for each. What they add to the options, permissions, limits and events of `serve` follows
// from this list (`server-users.ts`).
export { agentServer } from "./agent/server.ts";
export { applicationServer } from "./application/server.ts";
export { forwardServer } from "./forward/server.ts";
export { sessionServer } from "./session/server.ts";
