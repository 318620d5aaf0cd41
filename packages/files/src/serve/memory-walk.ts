import { FileSystemError } from "./file-error.ts";
import type { DirectoryNode, MemoryNode } from "./memory-node.ts";

/** A directory that a path passes through. */
interface Parent {
  /** Its name; "" for the root. */
  readonly name: string;
  readonly node: DirectoryNode;
}

/** Place that a path names. */
export interface Place {
  /** Directories from the root to the one that contains `name`, with links resolved. For the root, only the root. */
  readonly parents: readonly Parent[];
  /** Last name; "" for the root. */
  readonly name: string;
  /** `undefined` if nothing has this name yet. */
  readonly node: MemoryNode | undefined;
  /** Whether the path ends with "/", so that it can only name a directory. */
  readonly mustBeDirectory: boolean;
}

/** Maximum number of symbolic links followed for one path, as on Linux. */
const MAX_LINKS = 40;

/**
 * Finds the place of a path. With `follow`, a symbolic link in the last place is followed. Throws ENOENT if a directory on the way does not
 * exist, ENOTDIR if it is not a directory, ELOOP for too many links.
 */
export function findPlace(root: DirectoryNode, path: string, follow: boolean): Place {
  const parents: Parent[] = [{ name: "", node: root }];
  /** Remaining parts of the path, last first. */
  const left = partsOf(path);
  let mustBeDirectory = path.endsWith("/");
  let links = 0;
  for (let part = left.pop(); part !== undefined; part = left.pop()) {
    if (part === "..") {
      if (parents.length > 1) parents.pop();
      continue;
    }
    const isLast = left.length === 0;
    const node = parents.at(-1)!.node.entries.get(part);
    if (node?.kind === "link" && (follow || mustBeDirectory || !isLast)) {
      if (++links > MAX_LINKS) throw new FileSystemError("ELOOP");
      if (node.target.startsWith("/")) parents.length = 1;
      if (isLast) mustBeDirectory ||= node.target.endsWith("/");
      left.push(...partsOf(node.target));
      continue;
    }
    if (node?.kind === "directory") {
      parents.push({ name: part, node });
      continue;
    }
    if (!isLast) throw new FileSystemError(node === undefined ? "ENOENT" : "ENOTDIR");
    if (node !== undefined && mustBeDirectory) throw new FileSystemError("ENOTDIR");
    return { parents, name: part, node, mustBeDirectory };
  }
  const { name, node } = parents.at(-1)!;
  return { parents: parents.length === 1 ? parents : parents.slice(0, -1), name, node, mustBeDirectory };
}

/** Returns the parts of a path, last first. */
function partsOf(path: string): string[] {
  return path
    .split("/")
    .filter((part) => part !== "" && part !== ".")
    .toReversed();
}
