import { cpSync, mkdirSync, mkdtempSync, readdirSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Copies the repository to a temporary folder, and returns its path. The installed dependencies are shared with the original. */
export function copySources(
  purpose: string,
  parts: readonly string[] = ["package.json", "test-vectors", "scripts"],
): string {
  const folder = mkdtempSync(join(tmpdir(), `nacre-${purpose}-`));
  for (const part of parts) cpSync(part, join(folder, part), { recursive: true, filter: isSource });
  cpSync("packages", join(folder, "packages"), { recursive: true, filter: isSource });
  // Links between packages are relative: copied unchanged, they point to the copied packages.
  for (const workspace of ["packages", ...parts.filter((part) => part === "examples")])
    for (const entry of readdirSync(workspace, { withFileTypes: true }))
      if (entry.isDirectory()) copyLinks(folder, join(workspace, entry.name, "node_modules"));
  copyLinks(folder, "node_modules");
  symlinkSync(join(process.cwd(), "node_modules/.pnpm"), join(folder, "node_modules/.pnpm"));
  return folder;
}

function copyLinks(folder: string, modules: string): void {
  const target = join(folder, modules);
  let entries;
  try {
    entries = readdirSync(modules, { withFileTypes: true });
  } catch {
    return; // The package has no dependencies.
  }
  mkdirSync(target, { recursive: true });
  for (const entry of entries) {
    if (entry.name.startsWith(".")) continue;
    cpSync(join(modules, entry.name), join(target, entry.name), { recursive: true, verbatimSymlinks: true });
  }
}

function isSource(path: string): boolean {
  return !/[\\/](dist|node_modules)$/.test(path);
}
