import { matchPattern } from "@nacre/wire";

/** What the configuration files of Debian, Fedora and macOS send. No file is read yet, so this always counts. */
const DEFAULT_PATTERNS: readonly string[] = ["LANG", "LC_*"];

/**
 * Returns the environment variables for a session: those of this process that a pattern matches and no later `-pattern` removes
 * (ssh_config(5), SendEnv), and those that are set (SetEnv). The first value set for a name counts.
 */
export function sessionEnvironment(
  sendEnv: readonly string[],
  setEnv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  let patterns: readonly string[] = DEFAULT_PATTERNS;
  for (const name of sendEnv)
    patterns = name.startsWith("-")
      ? patterns.filter((pattern) => !matchPattern(pattern, name.slice(1)))
      : [...patterns, name];
  const sent: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment))
    if (value !== undefined && patterns.some((pattern) => matchPattern(name, pattern))) sent[name] = value;
  for (const pair of setEnv.toReversed()) {
    const at = pair.indexOf("=");
    sent[pair.slice(0, at)] = pair.slice(at + 1);
  }
  return sent;
}
