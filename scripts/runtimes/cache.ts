// Folders of installed programs in the user's cache.
import { copyFile, mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";
import { withLock } from "@nacre/testing/openssh/lock";
import { must } from "@nacre/testing/openssh/run";

/** Returns the path of a folder below `~/.cache/nacre`, or below `XDG_CACHE_HOME`. */
export function cacheOf(name: string): string {
  return join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "nacre", name);
}

/**
 * Makes a folder if `isComplete` resolves with `false`, and removes all others beside it. `fill` works in a temporary folder, which is then
 * renamed, so that the folder never exists incomplete. Several processes may call this concurrently.
 */
export async function ensureFolder(
  folder: string,
  isComplete: () => Promise<boolean>,
  fill: (fresh: string) => Promise<void>,
): Promise<void> {
  const cache = dirname(folder);
  await mkdir(cache, { recursive: true });
  await withLock(join(cache, "lock"), async () => {
    if (await isComplete()) return;
    const fresh = await mkdtemp(join(cache, "installing-"));
    await fill(fresh);
    for (const name of await readdir(cache))
      if (name !== "lock" && name !== basename(fresh)) await rm(join(cache, name), { recursive: true });
    await rename(fresh, folder);
  });
}

/** Installs the packages of the lock file in `versions`. npm verifies each against its digest and runs no install scripts. */
export async function installPinned(versions: string, folder: string, words: readonly string[]): Promise<void> {
  for (const file of ["package.json", "package-lock.json"]) await copyFile(join(versions, file), join(folder, file));
  const npm = ["npm", "ci", "--prefix", folder, ...words, "--ignore-scripts", "--no-audit", "--no-fund"];
  await must(npm, { timeoutMs: 900_000 });
}
