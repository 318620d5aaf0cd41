import type { HopOptions } from "./options.ts";

/** Returns the option for ForwardAgent. As in ssh(1), a connection whose agent is missing goes on without it. */
export function forwardedAgent(
  agent: boolean | string,
  { environment }: { readonly environment: Readonly<Record<string, string | undefined>> },
): Partial<HopOptions> {
  if (agent === false) return {};
  const name = agent === true ? "SSH_AUTH_SOCK" : agent.startsWith("$") ? agent.replace(/[${}]/g, "") : undefined;
  const path = name === undefined ? (agent as string) : environment[name];
  if (path === undefined || path === "") return {};
  return { forwardAgent: path };
}
