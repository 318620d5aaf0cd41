import { existsSync } from "node:fs";
import type { ConfigValues } from "@nacre/config";
import { systemFile } from "@nacre/node/extend";

/**
 * Returns the variables that are sent although no line says so: LANG and LC_*, which the configuration files of Debian, Fedora and macOS
 * send, where the system has no file and `-F` names none. One that SetEnv sets is left out.
 */
export function defaultEnvironment(
  { setEnv }: Pick<ConfigValues, "setEnv">,
  configFile: string | undefined,
  environment: Readonly<Record<string, string | undefined>> = process.env,
  file: string | undefined = systemFile("ssh_config"),
): Record<string, string> {
  const sent: Record<string, string> = {};
  if (configFile !== undefined || (file !== undefined && existsSync(file))) return sent;
  for (const [name, value] of Object.entries(environment))
    if (value !== undefined && /^(?:LANG$|LC_)/.test(name) && !setEnv.some((pair) => pair.startsWith(`${name}=`)))
      sent[name] = value;
  return sent;
}
