import { cp, mkdir, readdir, symlink } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { must } from "@nacre/testing/openssh/run";
import type { Place } from "../run.ts";
import type { InstalledWindows } from "./install.ts";
import { workspacePackages } from "./packages.ts";
import { servePrograms } from "./programs.ts";
import { endPrograms, wineEnvironment } from "./wine.ts";

/** What tests read, beside the documents in the root. */
const PARTS = ["package.json", "LICENSE", "packages", "scripts", "test-vectors", "examples"];

/**
 * Makes a copy of the project, and a prefix for this run alone, in `folder`. The folder is below that of `node_modules`, where Node looks
 * for packages. The copy's own `node_modules` has links to the workspace's packages, for programs that import them as published.
 */
export async function windowsPlace(installed: InstalledWindows, from: string, folder: string): Promise<Place> {
  const [root, prefix] = [join(folder, "project/"), join(folder, "prefix")];
  await must(["cp", "--archive", "--reflink=auto", join(installed.folder, "prefix"), prefix]);
  const documents = (await readdir(from)).filter((name) => name.endsWith(".md"));
  for (const part of [...PARTS, ...documents])
    await cp(join(from, part), join(root, part), { recursive: true, filter: isSource });
  for (const { folder: target, name } of workspacePackages(root)) {
    const link = join(root, "node_modules", name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(relative(dirname(link), join(root, target)), link);
  }
  const programs = await servePrograms(prefix);
  return {
    root,
    drive: "Z:",
    vitest: join(installed.folder, "node_modules", "vitest", "vitest.mjs"),
    env: { ...wineEnvironment(prefix), NACRE_PROGRAMS: programs.address },
    end: () => {
      endPrograms(prefix);
      programs.close();
    },
  };
}

function isSource(path: string): boolean {
  return !path.endsWith("/node_modules");
}
