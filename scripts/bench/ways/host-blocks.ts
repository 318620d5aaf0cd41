import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Target } from "../tasks.ts";

/** A host of a configuration file, by its name there. */
export interface HostBlock {
  readonly name: string;
  readonly target: Target;
  /** Name of the jump host in the same file. */
  readonly jump?: string;
}

/** Writes a configuration file with these hosts after `others` blocks that do not apply. Returns its path. */
export async function writeConfig(folder: string, hosts: readonly HostBlock[], others = 0): Promise<string> {
  const blocks = Array.from({ length: others }, (_, at) => [
    `Host other-${at} *.other-${at}.example.com`,
    `  HostName host-${at}.example.com`,
    `  User user-${at}`,
    "  ServerAliveInterval 30",
  ]);
  for (const { name, target, jump } of hosts)
    blocks.push([
      `Host ${name}`,
      `  HostName ${target.host}`,
      `  Port ${target.port}`,
      `  User ${target.user}`,
      `  IdentityFile ${target.keyFile}`,
      `  UserKnownHostsFile ${target.knownHostsFile}`,
      ...(jump === undefined ? [] : [`  ProxyJump ${jump}`]),
    ]);
  blocks.push([
    "Host *",
    "  IdentitiesOnly yes",
    "  IdentityAgent none",
    "  GlobalKnownHostsFile /dev/null",
    "  StrictHostKeyChecking yes",
    "  HostKeyAlias bench",
    "  BatchMode yes",
  ]);
  const path = join(folder, `config-${hosts.length}-${others}`);
  await writeFile(path, `${blocks.flat().join("\n")}\n`);
  return path;
}
