import { existsSync } from "node:fs";
import { escapeText } from "@nacre/wire";
import { sshUsage } from "../options.ts";
import { FAILURE, say } from "../say.ts";

/** Reports that `-O` fails, because nacre uses no control socket. `path` is that of ControlPath. Throws `usage` without one. */
export function control(command: string, path: string | undefined): number {
  if (path === undefined) throw sshUsage('No ControlPath specified for "-O" command');
  const state = existsSync(path) ? "Connection refused" : "No such file or directory";
  say(`nacre: Control socket connect(${escapeText(path)}): ${state}`);
  if (existsSync(path)) say(`nacre: -O ${command} is not supported yet; use ssh -O ${command}`);
  return FAILURE;
}
