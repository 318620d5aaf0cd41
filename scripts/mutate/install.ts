import { createHash } from "node:crypto";
import { cp, mkdir, mkdtemp, readFile, rename, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { must } from "@nacre/testing/openssh/run";

const pins = fileURLToPath(new URL("stryker", import.meta.url));

/**
 * Installs Stryker into `~/.cache/nacre/stryker` (or below `XDG_CACHE_HOME`) unless it is there, 100 MB, and returns its folder. It is no
 * dependency of the project, because only `npm run mutate` needs it.
 */
export async function ensureStryker(): Promise<string> {
  const cache = join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "nacre", "stryker");
  const lock = await readFile(join(pins, "package-lock.json"));
  const folder = join(cache, createHash("sha256").update(lock).digest("hex").slice(0, 12));
  if (await exists(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const fresh = await mkdtemp(join(cache, "installing-"));
  await cp(pins, fresh, { recursive: true });
  const words = ["ci", "--prefix", fresh, "--ignore-scripts", "--no-audit", "--no-fund", "--legacy-peer-deps"];
  await must(["npm", ...words], { timeoutMs: 900_000 });
  // Renamed when complete. If another process was faster, its copy stays.
  await rename(fresh, folder).catch(() => {});
  return folder;
}

async function exists(folder: string): Promise<boolean> {
  return stat(folder).then(
    () => true,
    () => false,
  );
}
