import { existsSync, readdirSync, readFileSync } from "node:fs";

/** Package of the workspace. */
export interface WorkspacePackage {
  /** Path relative to the project's root, such as `packages/keys`. */
  readonly folder: string;
  readonly name: string;
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
}

export function workspacePackages(root: string): readonly WorkspacePackage[] {
  return readdirSync(`${root}packages`)
    .map((name) => `packages/${name}`)
    .filter((folder) => existsSync(`${root}${folder}/package.json`))
    .map((folder) => ({ ...JSON.parse(readFileSync(`${root}${folder}/package.json`, "utf8")), folder }));
}

/**
 * Returns aliases for vitest from the names that packages are imported by, such as `@nacre/keys/internal`, to their sources. Wine does not
 * show Unix links to Windows programs, so a package would be loaded twice: through the link to it, and through the tests' relative paths.
 */
export function sourceAliases(root: string): { readonly find: RegExp; readonly replacement: string }[] {
  const base = root.replaceAll("\\", "/");
  return workspacePackages(root).flatMap(({ folder, name, exports = {} }) =>
    Object.entries(exports).flatMap(([entry, target]) => {
      const source = typeof target === "string" ? target : target["@nacre/source"];
      if (source === undefined) return [];
      const find = new RegExp(`^${name}${entry.slice(1).replace("*", "(.+)")}$`);
      return [{ find, replacement: `${base}${folder}${source.slice(1).replace("*", "$1")}` }];
    }),
  );
}
