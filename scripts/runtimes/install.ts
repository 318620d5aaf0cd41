import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "@nacre/testing/openssh/run";
import { cacheOf, ensureFolder, installPinned } from "./cache.ts";
import { type InstallableRuntime, RUNTIMES, type RuntimeUnderTest, WINDOWS } from "./list.ts";
import { WORKERD } from "./workerd/runtime.ts";

/** Runtime with its installed version. */
export type Installed<T extends InstallableRuntime> = T & {
  /** Pinned version, such as "22.23.3". */
  readonly version: string;
  /** Path of the executable. */
  readonly path: string;
};

/** Installed runtimes. */
export interface InstalledRuntimes {
  /** The runtimes that run vitest. */
  readonly runtimes: readonly Installed<RuntimeUnderTest>[];
  readonly workerd: Installed<typeof WORKERD>;
}

const versions = fileURLToPath(new URL("versions", import.meta.url));

/**
 * Installs the missing runtimes and returns all runtimes, 900 MB in total. The runtimes are stored in `~/.cache/nacre/runtimes` (or below
 * `XDG_CACHE_HOME`), in a folder named after the hash of the lock file. Removes the folders of earlier versions. Several processes may call
 * this function concurrently.
 *
 * @throws if a runtime cannot be installed, or does not run.
 */
export async function ensureRuntimes(): Promise<InstalledRuntimes> {
  const pins = await pinnedVersions();
  const lockFile = await readFile(join(versions, "package-lock.json"));
  const folder = join(cacheOf("runtimes"), createHash("sha256").update(lockFile).digest("hex").slice(0, 12));
  const placed = <T extends InstallableRuntime>(runtime: T): Installed<T> => ({
    ...runtime,
    version: pins[runtime.name],
    path: join(folder, "node_modules", `${runtime.name}-${process.arch}`, runtime.program),
  });
  const runtimes = RUNTIMES.map((runtime) => placed(runtime));
  const workerd = placed(WORKERD);
  const installed = [...runtimes, workerd];
  await ensureFolder(
    folder,
    async () => (await firstFault(installed)) === undefined,
    async (fresh) => {
      process.stderr.write(`runtimes: installing ${installed.map(({ title }) => title).join(", ")} (900 MB)\n`);
      await installPinned(versions, fresh, ["--include=optional"]);
    },
  );
  const fault = await firstFault(installed);
  if (fault !== undefined) throw new Error(`${fault}; the matrix needs Linux with glibc on x64 or arm64`);
  return { runtimes, workerd };
}

/** Returns the versions that `versions/` pins. Throws if the versions for two architectures differ. */
export async function pinnedVersions(): Promise<Readonly<Record<InstallableRuntime["name"], string>>> {
  const aliases = { ...(await aliasesIn(".")), ...(await aliasesIn("windows")) };
  const pin = ({ name }: InstallableRuntime): string => {
    const pins = Object.entries(aliases).filter(([alias]) => alias.startsWith(`${name}-`));
    const [version, ...others] = new Set(pins.map(([, value]) => value.slice(value.lastIndexOf("@") + 1)));
    if (version === undefined || others.length > 0)
      throw new Error(`versions/ must pin exactly one version of ${name}`);
    return version;
  };
  const pins = [...RUNTIMES, WINDOWS, WORKERD].map((runtime) => [runtime.name, pin(runtime)]);
  return Object.fromEntries(pins) as Record<InstallableRuntime["name"], string>;
}

/** Returns the versions of the runtimes in a folder of `versions/`, by alias. */
async function aliasesIn(folder: string): Promise<Readonly<Record<string, string>>> {
  const manifest = JSON.parse(await readFile(join(versions, folder, "package.json"), "utf8")) as {
    readonly optionalDependencies: Readonly<Record<string, string>>;
  };
  return manifest.optionalDependencies;
}

/** Returns an error message for the first runtime that fails or reports a different version; `undefined` if all report theirs. */
async function firstFault(runtimes: readonly Installed<InstallableRuntime>[]): Promise<string | undefined> {
  for (const { title, path, version, printedVersion = (pinned: string) => pinned } of runtimes) {
    const { status, stdout, stderr } = await run([path, "--version"]);
    if (status !== 0) return `${title} does not run: ${path} --version: status ${status}: ${stderr.trim()}`;
    const expected = printedVersion(version);
    if (!stdout.includes(expected)) return `${title} reports version ${stdout.trim()}, expected ${expected}: ${path}`;
  }
  return undefined;
}
