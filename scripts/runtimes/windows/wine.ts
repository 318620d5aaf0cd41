// Starts programs of Windows with Wine, each in a prefix: a folder with a registry and the drive C.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { readdir, readFile, rm, stat, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Returns the environment of Wine and of the programs in a prefix. */
export function wineEnvironment(prefix: string): Readonly<Record<string, string | undefined>> {
  return {
    WINEPREFIX: prefix,
    WINEDEBUG: "-all",
    // Without .NET, a browser engine, and entries in the menu of the desktop.
    WINEDLLOVERRIDES: "mscoree,mshtml,winemenubuilder.exe=",
    // Encodes file names as UTF-8.
    LC_ALL: "C.UTF-8",
    // Wine links some folders of a prefix to those in the home folder.
    HOME: dirname(prefix),
    // Wine 10 crashes at its start if this is set.
    TMPDIR: undefined,
  };
}

/** Makes a prefix. Throws if Wine fails, with its output. */
export async function makePrefix(prefix: string): Promise<void> {
  const env = wineEnvironment(prefix);
  const log = `${prefix}.log`;
  // Programs that remain in the background inherit the output, so it is a file: a pipe would not end.
  const output = openSync(log, "w");
  const boot = spawn("wine", ["wineboot", "--init"], {
    env: { ...process.env, ...env, WINEDEBUG: "fixme-all" },
    stdio: ["ignore", output, output],
    timeout: 300_000,
  });
  const [status] = await once(boot, "exit");
  closeSync(output);
  const { status: waited } = spawnSync("wineserver", ["--wait"], { env: { ...process.env, ...env }, timeout: 120_000 });
  if (status !== 0 || waited !== 0) {
    endPrograms(prefix);
    throw new Error(`wineboot --init: status ${status}\n${readFileSync(log, "utf8").slice(-4000)}`);
  }
  await rm(log);
  await linkToDebian(prefix);
}

/** Ends all programs of a prefix. */
export function endPrograms(prefix: string): void {
  spawnSync("wineserver", ["--kill"], { env: { ...process.env, ...wineEnvironment(prefix) }, timeout: 30_000 });
}

/** Replaces the libraries in a prefix by links to the files of Debian from which Wine copied them, 660 MB. */
async function linkToDebian(prefix: string): Promise<void> {
  const originals = new Map<string, string[]>();
  for (const path of await filesIn("/usr/lib/x86_64-linux-gnu/wine")) {
    const name = path.slice(path.lastIndexOf("/") + 1);
    originals.set(name, [...(originals.get(name) ?? []), path]);
  }
  for (const path of await filesIn(join(prefix, "drive_c")))
    for (const original of originals.get(path.slice(path.lastIndexOf("/") + 1)) ?? []) {
      if ((await stat(path)).size !== (await stat(original)).size) continue;
      if (!(await readFile(path)).equals(await readFile(original))) continue;
      await rm(path);
      await symlink(original, path);
      break;
    }
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}
