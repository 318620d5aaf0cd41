import { matchPattern } from "@nacre/wire";
import type { ConfigValues } from "./values.ts";

/**
 * Returns the variables that a session sends to the server (ssh_config(5), SendEnv and SetEnv): those of `environment` that a pattern
 * names, and those that a line sets, which precede them.
 */
export function sessionEnvironment(
  { sendEnv, setEnv }: Pick<ConfigValues, "sendEnv" | "setEnv">,
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const sent: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment))
    if (value !== undefined && sendEnv.some((pattern) => matchPattern(name, pattern))) sent[name] = value;
  for (const pair of setEnv) {
    const at = pair.indexOf("=");
    sent[pair.slice(0, at)] = pair.slice(at + 1);
  }
  return sent;
}
