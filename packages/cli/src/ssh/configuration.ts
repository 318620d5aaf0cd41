import { existsSync } from "node:fs";
import { expandHome, type ResolveConfigOptions, type ResolvedConfig, resolveConfig } from "@nacre/node";
import { isWindows, showPath } from "@nacre/node/extend";
import { escapeText, SshError } from "@nacre/wire";
import { usage } from "../options.ts";
import { say } from "../say.ts";
import type { ConnectionArguments } from "./connection-arguments.ts";
import { isVerbose } from "./log-level.ts";
import type { TypedSetting } from "./ssh-options.ts";

/** The use of a connection, as far as blocks such as `Match command` depend on it. */
export type Purpose = Pick<ResolveConfigOptions, "command" | "stdioForward">;

/** Messages of an OpenSSH without GSSAPI about keywords that distributions set. */
const GSSAPI = /Unsupported option "gssapi/;

/** The beginning of a message about a line, or about a file. Others get the name of the command before them. */
const AT_A_LINE = /^\S.*?(?:: | )line \d+: |: terminating, \d+ /;

/**
 * Resolves what a connection to `host` would use: the options of the command line, then the configuration files. Tells what OpenSSH says
 * about them. Rejects with `usage`, `file-malformed` or another code of `resolveConfig`, after printing the lines of ssh(1).
 */
export async function readConfiguration(
  host: string,
  { settings, configFile }: Pick<ConnectionArguments, "settings" | "configFile">,
  purpose: Purpose = {},
  tell: (text: string) => void = say,
): Promise<ResolvedConfig> {
  const commandLine = settings.filter((setting) => isUsable(setting, tell));
  // As with ssh(1), commands of every file run. On Windows everybody may create the system's file, unless OpenSSH's server is installed.
  // rule: windows-config-commands
  const commands = isWindows() && configFile === undefined ? undefined : true;
  const options = { ...purpose, config: fileOf(configFile), commands, commandLine };
  try {
    const config = await resolveConfig(host, options);
    for (const text of config.notices) if (isVerbose(config.values) || !GSSAPI.test(text)) tell(escapeText(text));
    return config;
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    for (const line of error.message.split("\n")) tell(AT_A_LINE.test(line) ? line : `nacre: ${line}`);
    if (error.code === "usage") throw usage("the command line is invalid");
    throw new SshError(error.code, "the configuration is invalid", { cause: error });
  }
}

/** Returns whether a setting counts: the file of -i may be missing. */
function isUsable({ keyFile }: TypedSetting, tell: (text: string) => void): boolean {
  if (keyFile === undefined || isThere(keyFile)) return true;
  tell(`Warning: Identity file ${showPath(keyFile)} not accessible: No such file or directory.`);
  return false;
}

/** Returns whether the file of -i exists. */
export function isThere(keyFile: string): boolean {
  return existsSync(expandHome(keyFile));
}

/** Returns the `config` of `resolveConfig` for the value of -F. */
function fileOf(configFile: string | undefined): string | boolean {
  if (configFile === undefined) return true;
  return configFile.toLowerCase() === "none" ? false : configFile;
}
