import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { ConfigValues } from "@nacre/config";
import type { ResolveConfigOptions } from "../../src/config/config.ts";
import { defaultFiles, type Machine, thisMachine } from "../../src/config/machine.ts";
import { resolveOn } from "../../src/config/resolve.ts";
import { temporaryFolder } from "../support.ts";

/** A home folder with files, and a machine whose account it belongs to. */
export interface Home {
  readonly home: string;
  readonly machine: Machine;
  /** Writes a file of the home folder and returns its path. */
  readonly write: (name: string, text: string, mode?: number) => Promise<string>;
  /** Resolves the values of a host; by default of the files that `ssh` reads. */
  readonly values: (host: string, options?: ResolveConfigOptions) => Promise<ConfigValues>;
}

/** Makes a home folder with this `~/.ssh/config`. */
export async function homeWith(config: string): Promise<Home> {
  const home = await temporaryFolder();
  const usual = thisMachine();
  const [user] = defaultFiles(home);
  const machine: Machine = {
    ...usual,
    system: { platform: process.platform, environment: { ...process.env, SHELL: "/bin/sh" } },
    files: [user!],
    local: { ...usual.local, user: "me", home, homeOf: (name) => (name === "me" ? home : undefined) },
  };
  const write: Home["write"] = async (name, text, mode = 0o600) => {
    const path = join(home, name);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, text, { mode });
    return path;
  };
  await write(".ssh/config", config);
  const values: Home["values"] = async (host, options = {}) => (await resolveOn(machine, { host }, options)).values;
  return { home, machine, write, values };
}
