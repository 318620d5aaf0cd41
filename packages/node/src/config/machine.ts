import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import type { ConfigFile, LocalFacts } from "@nacre/config";
import { SshError } from "@nacre/wire";
import { AccountNames } from "../disk/accounts.ts";
import { accountHome, accountName } from "../keys/account.ts";
import { SYSTEM_LOOKUPS } from "../net/lookup.ts";

/** What a configuration depends on beside its text. */
export interface Machine {
  readonly local: LocalFacts;
  /** Files that are read unless the caller names one. */
  readonly files: readonly ConfigFile[];
  /** Shell that runs commands. */
  readonly shell: string;
}

/** Returns the facts of this machine and of the account that runs this process. Throws `usage` if the account has no home folder. */
export function thisMachine(): Machine {
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
      homeOf: (user) => new AccountNames().home(user),
      service: (name) => portOf(name, readServices()),
      // Loaded here because few configurations name `%C`, and the module takes some milliseconds.
      sha1: (data) => process.getBuiltinModule("node:crypto").createHash("sha1").update(data).digest(),
    },
    files: defaultFiles(home),
    shell: process.env.SHELL || "/bin/sh",
  };
}

/** Returns the files that `ssh` reads by default: the user's, which is checked, and the system's. */
export function defaultFiles(home: string): readonly ConfigFile[] {
  return [
    { path: `${home}/.ssh/config`, kind: "user", checked: true },
    { path: "/etc/ssh/ssh_config", kind: "system" },
  ];
}

function readServices(): string {
  try {
    return readFileSync("/etc/services", "utf8");
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
