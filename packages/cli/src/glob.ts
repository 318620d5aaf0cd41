import { expandBraces, matchesName } from "@nacre/files";

/** Directories in which `glob` looks. Paths are relative; "" is the directory to start from. */
export interface GlobTree {
  /** Resolves with the entries of a directory. */
  list(directory: string): Promise<readonly { readonly name: string; readonly mayBeDirectory: boolean }[]>;
  /** Resolves with whether something has a path. */
  exists(path: string): Promise<boolean>;
  /** Returns the path of a name in a directory. */
  join(directory: string, name: string): string;
}

/** Resolves with the paths that match a pattern of `matchesName`, sorted. Leaves out directories that cannot be listed. */
export async function glob(pattern: string, tree: GlobTree): Promise<string[]> {
  const found = new Set<string>();
  for (const alternative of expandBraces(pattern)) {
    const parts = alternative.split(/\/+/);
    const isAbsolute = parts[0] === "" && parts.length > 1;
    for (const path of await matches(
      isAbsolute ? "/" : "",
      parts.filter((part) => part !== ""),
      tree,
    ))
      found.add(path);
  }
  return [...found].sort();
}

async function matches(directory: string, [part, ...rest]: readonly string[], tree: GlobTree): Promise<string[]> {
  if (part === undefined) return directory !== "" && (await tree.exists(directory)) ? [directory] : [];
  const join = (name: string): string => (directory === "" ? name : tree.join(directory, name));
  // A plain name is not looked up in its directory, which may be unreadable.
  if (!/[*?[\\]/.test(part)) return matches(join(part), rest, tree);
  const entries = await tree.list(directory).catch(() => []);
  const found = entries.filter(
    ({ name, mayBeDirectory }) => matchesName(part, name) && (mayBeDirectory || rest.length === 0),
  );
  if (rest.length === 0) return found.map(({ name }) => join(name));
  return (await Promise.all(found.map(({ name }) => matches(join(name), rest, tree)))).flat();
}
