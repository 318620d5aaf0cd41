import type { ConfigValues } from "@nacre/config";
import { agentPath } from "../keys/agent-path.ts";
import type { About } from "./config-rows.ts";
import type { HopOptions } from "./options.ts";

/**
 * Returns the agent to forward: a path, or the one that logs in, which IdentityAgent may name. As in ssh(1), a connection whose agent is
 * missing goes on without it.
 */
export function forwardedAgent(
  agent: ConfigValues["forwardAgent"],
  { values, environment }: About,
): Partial<HopOptions> {
  if (agent === false || typeof agent === "object") return {};
  const variable = typeof agent === "string" && agent.startsWith("$") ? agent.replace(/[${}]/g, "") : undefined;
  // rule: config-forwarded-agent
  if (agent === true) return forwarding(agentPath(values.identityAgent ?? "SSH_AUTH_SOCK", environment));
  return forwarding(variable === undefined ? agent : environment[variable]);
}

function forwarding(path: string | undefined): Partial<HopOptions> {
  return path === undefined || path === "" ? {} : { forwardAgent: path };
}
