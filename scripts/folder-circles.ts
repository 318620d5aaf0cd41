import { dirname, join } from "node:path/posix";

/**
 * Returns the pairs of folders that import from each other, directly or through others. `imports` has the relative imports of each file, by
 * the file's path. `entries` are the files that collect the exports of a package: they stand above all folders, and so do files beside them
 * that nothing else imports.
 */
export function folderCircles(
  imports: ReadonlyMap<string, readonly string[]>,
  entries: ReadonlySet<string>,
): readonly string[] {
  const folders = new Map<string, Set<string>>();
  const above = withParts(entries, imports);
  for (const [file, specifiers] of imports) {
    if (above.has(file)) continue;
    const from = dirname(file);
    for (const specifier of specifiers) {
      const to = dirname(join(from, specifier));
      if (to !== from) (folders.get(from) ?? folders.set(from, new Set()).get(from)!).add(to);
    }
  }
  const reached = new Map([...folders.keys()].map((folder) => [folder, reachedFrom(folder, folders)]));
  const circles: string[] = [];
  for (const [folder, others] of reached)
    for (const other of others)
      if (folder < other && reached.get(other)?.has(folder)) circles.push(`${folder} and ${other}`);
  return circles;
}

/** Returns the entries, and the files beside them that are imported by these alone. */
function withParts(entries: ReadonlySet<string>, imports: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> {
  const importers = new Map<string, string[]>();
  for (const [file, specifiers] of imports)
    for (const target of specifiers.map((specifier) => join(dirname(file), specifier)))
      (importers.get(target) ?? importers.set(target, []).get(target)!).push(file);
  const above = new Set(entries);
  // A set also visits what is added meanwhile.
  for (const file of above)
    for (const part of (imports.get(file) ?? []).map((specifier) => join(dirname(file), specifier)))
      if (dirname(part) === "." && importers.get(part)!.every((one) => above.has(one))) above.add(part);
  return above;
}

function reachedFrom(start: string, folders: ReadonlyMap<string, ReadonlySet<string>>): Set<string> {
  const reached = new Set<string>();
  const next = [start];
  for (let folder = next.pop(); folder !== undefined; folder = next.pop())
    for (const target of folders.get(folder) ?? [])
      if (!reached.has(target)) {
        reached.add(target);
        next.push(target);
      }
  return reached;
}
