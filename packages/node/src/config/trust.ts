import type { Origin } from "@nacre/config";
import { SshError } from "@nacre/wire";
import { pathExposure } from "../keys/owned-file.ts";
import { isWindows, showPath } from "../windows/system.ts";
import type { Config } from "./config.ts";
import type { Machine } from "./machine.ts";

/**
 * Throws unless the command at `origin` may run. By default it must be in `~/.ssh/config`, `/etc/ssh/ssh_config` or a file that these
 * include, and no account but the user's and root may be able to write or replace that file. On Windows it must also be in the home folder.
 */
export async function assertCommandAllowed(
  what: string,
  { file, line }: Origin,
  { files, commands }: Config,
  { local, system }: Pick<Machine, "local" | "system">,
): Promise<void> {
  const refuse = (reason: string): never => {
    throw new SshError("usage", `${showPath(file)} line ${line}: ${what} is not run: ${reason}`);
  };
  // rule: config-commands-off
  if (commands === false) refuse("`commands` is false");
  // The caller itself wrote the settings of a command line.
  if (commands === true || file === "command-line") return;
  // rule: config-commands-named
  if (typeof files !== "boolean") refuse("the file was named by the program; set `commands: true` if you trust it");
  // Imported here because no other system needs it.
  const exposure = isWindows(system) ? (await import("../windows/access.ts")).windowsExposure : pathExposure;
  const problem = await exposure(file, local.home);
  // rule: config-commands-exposed
  if (problem !== undefined) refuse(problem);
}

/** Throws `usage` for a login name from code that a shell could misread. Without a command, it reaches only the server. */
export function assertUserForCommand(user: string | undefined): void {
  // rule: config-code-user
  if (user !== undefined && /[$\\]/.test(user))
    throw new SshError(
      "usage",
      "remote username contains invalid characters: a command of the configuration would get it",
    );
}
