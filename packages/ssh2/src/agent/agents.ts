import type { BaseAgent } from "./base-agent.ts";
import { CygwinAgent } from "./cygwin-agent.ts";
import { OpenSSHAgent } from "./openssh-agent.ts";
import { PageantAgent } from "./pageant-agent.ts";

export { BaseAgent, isAgent } from "./base-agent.ts";
export { CygwinAgent } from "./cygwin-agent.ts";
export { OpenSSHAgent } from "./openssh-agent.ts";
export { PageantAgent } from "./pageant-agent.ts";
export { AgentProtocol } from "./protocol.ts";

/** Path of a named pipe of Windows. */
const PIPE = /^[/\\][/\\]\.[/\\]pipe[/\\].+/;

/**
 * Returns the agent of a path: a Unix socket, and on Windows a named pipe, `"pageant"` for Pageant, or a Unix socket of Cygwin.
 */
export function createAgent(path: string): BaseAgent {
  if (process.platform !== "win32" || PIPE.test(path)) return new OpenSSHAgent(path);
  return path === "pageant" ? new PageantAgent() : new CygwinAgent(path);
}
