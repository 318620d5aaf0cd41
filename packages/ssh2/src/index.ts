/**
 * The API of ssh2 1.17 over Nacre.
 *
 * @module
 */
export { AgentProtocol, BaseAgent, CygwinAgent, createAgent, OpenSSHAgent, PageantAgent } from "./agent/agents.ts";
export { Client } from "./client/client.ts";
export type { Ssh2Error } from "./errors.ts";
