import { pageantPath } from "@nacre/node/extend";
import type { BaseAgent, StreamCallback } from "./base-agent.ts";
import { CygwinAgent } from "./cygwin-agent.ts";
import { OpenSSHAgent } from "./openssh-agent.ts";

export { BaseAgent, isAgent } from "./base-agent.ts";
export { CygwinAgent } from "./cygwin-agent.ts";
export { OpenSSHAgent } from "./openssh-agent.ts";
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

/**
 * Pageant 0.75 or later, by its named pipe. Without Pageant, the agent of OpenSSH for Windows. The older shared memory of Pageant needs
 * native code, and is not supported.
 */
export class PageantAgent extends OpenSSHAgent {
  constructor() {
    super("");
  }

  override getStream(callback: StreamCallback, signal?: AbortSignal): void {
    const path = pageantPath();
    if (path === undefined) callback(new Error("Pageant is not running"));
    else new OpenSSHAgent(path).getStream(callback, signal);
  }
}
