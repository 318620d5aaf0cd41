/**
 * The API of ssh2 1.17 over Nacre.
 *
 * @module
 */
import { Client } from "./client/client.ts";
import { httpAgents, type SshHttpAgentClass, type SshHttpsAgentClass } from "./http/agents.ts";

export { AgentProtocol, BaseAgent, CygwinAgent, createAgent, OpenSSHAgent, PageantAgent } from "./agent/agents.ts";
export { Client } from "./client/client.ts";
export type { Ssh2Error } from "./errors.ts";
export { type ClientInfo, type ConnectionListener, Server } from "./server/server.ts";
export { utils } from "./utils.ts";

const agents = httpAgents(() => new Client());
/** An agent of `node:http` whose connections run through an SSH server. */
export const HTTPAgent: SshHttpAgentClass = agents.HTTPAgent;
/** An agent of `node:https` whose connections run through an SSH server. */
export const HTTPSAgent: SshHttpsAgentClass = agents.HTTPSAgent;
