import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { must } from "@nacre/testing/openssh/run";
import { ensurePrograms, WINE } from "@nacre/testing/peers/install";
import { cacheOf, ensureFolder, installPinned } from "../cache.ts";
import { type Installed, pinnedVersions } from "../install.ts";
import { type RuntimeUnderTest, WINDOWS } from "../list.ts";
import { makePrefix } from "./wine.ts";

/** Node for Windows, and what it needs. */
export interface InstalledWindows extends Installed<RuntimeUnderTest> {
  /** Folder with the prefix and `node_modules`. */
  readonly folder: string;
}

/** Whether Wine can run Node for Windows on this machine. */
export const canRunWindows: boolean = process.arch === "x64";

const versions = fileURLToPath(new URL("../versions/windows", import.meta.url));

/**
 * Installs Wine, Node for Windows, and vitest with its parts for Windows, 1 GB in total. All but Wine is stored in
 * `~/.cache/nacre/windows` (or below `XDG_CACHE_HOME`), in a folder named after the hash of the lock file and of Wine's version. Several
 * processes may call this function concurrently.
 *
 * @throws if one of them cannot be installed.
 */
export async function ensureWindows(): Promise<InstalledWindows> {
  await ensurePrograms(WINE);
  const hash = createHash("sha256")
    .update(await readFile(join(versions, "package-lock.json")))
    .update(await must(["wine", "--version"]));
  const folder = join(cacheOf("windows"), hash.digest("hex").slice(0, 12));
  await ensureFolder(
    folder,
    async () => existsSync(folder),
    async (fresh) => {
      process.stderr.write(`runtimes: installing ${WINDOWS.title} (160 MB)\n`);
      // Wine does not show links to Windows programs as links, so Node does not find the packages of pnpm's folders.
      await installPinned(versions, fresh, ["--os=win32", "--cpu=x64", "--install-strategy=hoisted"]);
      await makePrefix(join(fresh, "prefix"));
    },
  );
  return {
    ...WINDOWS,
    version: (await pinnedVersions()).windows,
    path: join(folder, "node_modules", "windows-x64", WINDOWS.program),
    folder,
  };
}
