import { pageantPath } from "@nacre/node/extend";
import type { StreamCallback } from "./base-agent.ts";
import { OpenSSHAgent } from "./openssh-agent.ts";

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
