import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { ConfigFile, ConfigValues, LocalFacts } from "@nacre/config";
import { SshError } from "@nacre/wire";
import { AccountNames } from "../disk/accounts.ts";
import { accountHome, accountName } from "../keys/account.ts";
import { SYSTEM_LOOKUPS } from "../net/lookup.ts";
import { isWindows, type System, servicesFile, systemFile, thisSystem } from "../windows/system.ts";

/** Facts that a configuration depends on beside its text. */
export interface Machine {
  readonly local: LocalFacts;
  /** Files that are read unless the caller names one. */
  readonly files: readonly ConfigFile[];
  /** Default values that are not those of OpenSSH on Unix. */
  readonly defaults?: Partial<ConfigValues>;
  /** System whose shell runs commands. */
  readonly system: System;
}

/** Returns the facts of this machine and of the account that runs this process. Throws `usage` if the account has no home folder. */
export function thisMachine(system: System = thisSystem): Machine {
  const home = accountHome();
  if (home === undefined)
    throw new SshError(
      "usage",
      "this account has no home folder in the password database, so it has no ssh configuration",
    );
  return {
    local: {
      user: accountName(),
      uid: process.getuid?.() ?? 0,
      home,
      hostname: hostname(),
      environment: (name) => process.env[name],
      // On Windows, /etc/passwd would be a file that every user may create.
      homeOf: (user) => (isWindows(system) ? undefined : new AccountNames().home(user)),
      service: (name) => portOf(name, readServices(system)),
      // Loaded here because few configurations name `%C`, and the module takes some milliseconds.
      sha1: (data) => process.getBuiltinModule("node:crypto").createHash("sha1").update(data).digest(),
      ...(isWindows(system) && { windows: { systemFolder: systemFile("", system) } }),
    },
    files: defaultFiles(home, system),
    ...(isWindows(system) && { defaults: { globalKnownHostsFile: globalKnownHosts(system) } }),
    system,
  };
}

/** Returns the files that `ssh` reads by default: the user's, which is checked, and the system's. */
export function defaultFiles(home: string, system: System = thisSystem): readonly ConfigFile[] {
  const ofSystem = systemFile("ssh_config", system);
  return [
    { path: isWindows(system) ? `${home}\\.ssh\\config` : `${home}/.ssh/config`, kind: "user", checked: true },
    ...(ofSystem === undefined ? [] : [{ path: ofSystem, kind: "system" as const }]),
  ];
}

function globalKnownHosts(system: System): readonly string[] {
  return ["ssh_known_hosts", "ssh_known_hosts2"].flatMap((name) => systemFile(name, system) ?? []);
}

function readServices(system: System): string {
  try {
    return readFileSync(servicesFile(system) ?? "", "utf8");
  } catch {
    return "";
  }
}

/** Returns the TCP port of a service, by its name or an alias, in the text of a services(5) file. */
export function portOf(name: string, services: string): number | undefined {
  for (const line of services.split("\n")) {
    const [official, place = "", ...aliases] = line.replace(/#.*/, "").trim().split(/\s+/);
    const [port, protocol] = place.split("/");
    if (protocol === "tcp" && (official === name || aliases.includes(name))) return Number(port);
  }
  return undefined;
}

/** Maximum number of aliases that are followed. */
const MAX_ALIASES = 8;

/** Returns the canonical name of a host, or `undefined` if the name does not resolve. */
export async function canonicalHost(name: string): Promise<string | undefined> {
  try {
    await SYSTEM_LOOKUPS.lookup(name, { users: [] });
  } catch {
    return undefined;
  }
  // Imported here because most configurations canonicalize no names.
  const { Resolver } = await import("node:dns/promises");
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  let canonical = name;
  for (let i = 0; i < MAX_ALIASES; i++) {
    // A name of /etc/hosts has no such record, nor has a canonical one.
    const [target] = await resolver.resolveCname(canonical).catch(() => []);
    if (target === undefined) break;
    canonical = target;
  }
  return canonical.replace(/\.$/, "");
}
