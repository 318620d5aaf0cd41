import { existsSync } from "node:fs";
import type { ConfigValues } from "@nacre/config";
import { matchPattern } from "@nacre/wire";

/** What the configuration files of Debian, Fedora and macOS send. */
const DEFAULT_PATTERNS: readonly string[] = ["LANG", "LC_*"];

const SYSTEM_FILE = "/etc/ssh/ssh_config";

/** Returns the patterns of variables that are sent although no line says so: where the system has no file, and none was named (`-F`). */
export function defaultPatterns(configFile: string | undefined, systemFile: string = SYSTEM_FILE): readonly string[] {
  return configFile === undefined && !existsSync(systemFile) ? DEFAULT_PATTERNS : [];
}

/**
 * Returns the environment variables for a session: those of this process that a pattern matches (SendEnv), and those that are set (SetEnv).
 * The first value set for a name counts.
 */
export function sessionEnvironment(
  { sendEnv, setEnv }: Pick<ConfigValues, "sendEnv" | "setEnv">,
  patterns: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const sent: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment))
    if (value !== undefined && [...patterns, ...sendEnv].some((pattern) => matchPattern(name, pattern)))
      sent[name] = value;
  for (const pair of setEnv.toReversed()) {
    const at = pair.indexOf("=");
    sent[pair.slice(0, at)] = pair.slice(at + 1);
  }
  return sent;
}
