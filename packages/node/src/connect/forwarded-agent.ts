import type { ConfigValues } from "@nacre/config";
import { SshError } from "@nacre/wire";
import { LIST_TIMEOUT, linkTo } from "../keys/agent.ts";
import { agentPath } from "../keys/agent-path.ts";
import type { About } from "./config-rows.ts";
import type { HopOptions } from "./options.ts";

/**
 * Returns the agent to forward: a path, or the one that logs in, which IdentityAgent may name. As in ssh(1), a connection whose agent is
 * missing goes on without it.
 */
export async function forwardedAgent(
  agent: ConfigValues["forwardAgent"],
  { values, environment }: About,
): Promise<Partial<HopOptions>> {
  if (agent === false || typeof agent === "object") return {};
  const variable = typeof agent === "string" && agent.startsWith("$") ? agent.replace(/[${}]/g, "") : undefined;
  // rule: config-forwarded-agent
  if (agent === true) return forwarding(await ifThere(agentPath(values.identityAgent ?? "SSH_AUTH_SOCK", environment)));
  return forwarding(variable === undefined ? agent : environment[variable]);
}

function forwarding(path: string | undefined): Partial<HopOptions> {
  return path === undefined || path === "" ? {} : { forwardAgent: path };
}

/** Returns the path if an agent listens there. Commands that are offered a dead agent would not start their own. */
async function ifThere(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    await (await linkTo(path, { timeout: LIST_TIMEOUT })).close();
    return path;
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    return undefined;
  }
}
