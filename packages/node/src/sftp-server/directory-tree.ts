import { readlinkSync } from "node:fs";
import { FileSystemError } from "nacre/sftp-server";
import type { Directory, OpenRoot } from "./directory.ts";
import { DirectoryCache, MAX_KEPT } from "./directory-cache.ts";
import { pathText } from "./native-path.ts";

/** What a path names: an entry of a directory. */
export interface Place {
  /** Directory that has the entry. */
  readonly directory: Directory;
  /** Name of the entry; "." for the directory itself, such as the root. */
  readonly name: string;
  /** Names from the root to `directory`, without symbolic links. */
  readonly parents: readonly string[];
  /** Whether the path ends with "/", so that it can only name a directory. */
  readonly mustBeDirectory: boolean;
}

/** Returned by a visitor if the entry is a symbolic link that is to be followed. */
export const FOLLOW: unique symbol = Symbol("follow");

/** Maximum number of symbolic links followed for one path, as on Linux. */
const MAX_LINKS = 40;

/**
 * Maximum number of directories opened for one path: a path of 4096 bytes can name as many. The limit matters for paths with many ".." and
 * links, because opening directories blocks the event loop.
 */
const MAX_STEPS = 2048;

/**
 * Finds the entries that paths name. Symbolic links are resolved inside the root, as after chroot(2): an absolute one starts at the root,
 * and ".." stays in it. Calls are synchronous. Directories of recent calls stay open for a second, which saves most of the work for
 * consecutive requests in one directory.
 */
export class DirectoryTree {
  readonly #start: readonly string[];
  readonly #cache: DirectoryCache;

  /** Relative paths start at `start`, a path inside the root. */
  constructor(root: string, start: string, openRoot: OpenRoot) {
    this.#start = partsOf(start);
    this.#cache = new DirectoryCache(() => openRoot(root));
  }

  /**
   * Calls `visit` with the place of a path, and returns its result. If that is `FOLLOW`, follows the link and calls it again. The
   * directory is good only during the call.
   */
  visit<T>(path: string, visit: (place: Place) => T | typeof FOLLOW): T {
    return this.#cache.use(() => this.#walk(path, visit));
  }

  #walk<T>(path: string, visit: (place: Place) => T | typeof FOLLOW): T {
    const parts = partsOf(path);
    const absolute = path.startsWith("/") ? parts : [...this.#start, ...parts];
    const known = this.#cache.nearest(absolute);
    let { directory } = known;
    let parents = absolute.slice(0, known.depth);
    /** Names that are left, last first. */
    const left = absolute.slice(known.depth).toReversed();
    let mustBeDirectory = /\/\.?$/.test(path);
    let links = 0;
    let steps = 0;

    const goTo = (next: Directory): void => {
      // rule: sftp-disk-steps
      if (++steps > MAX_STEPS) throw new FileSystemError("ELOOP");
      directory = next;
    };
    const goToRoot = (): void => {
      parents = [];
      goTo(this.#cache.root());
    };
    const follow = (name: string): void => {
      const target = readLink(directory, name);
      if (++links > MAX_LINKS) throw new FileSystemError("ELOOP");
      if (target.startsWith("/")) goToRoot();
      if (left.length === 0) mustBeDirectory ||= target.endsWith("/");
      left.push(...partsOf(target).toReversed());
    };

    for (;;) {
      const name = left.pop() ?? ".";
      // rule: sftp-disk-dot-dot
      if (name === "..") {
        // The names up to here are directories themselves, so the parent is found from the root.
        left.push(...parents.slice(0, -1).toReversed());
        goToRoot();
        continue;
      }
      if (left.length > 0) {
        const next = directory.enter(name);
        if (next === undefined) {
          follow(name);
          continue;
        }
        parents.push(name);
        goTo(next);
        // Only the last directories of a path are kept, so the place of the others need not be looked up.
        if (/* rule: sftp-disk-far-above */ left.length > MAX_KEPT) this.#cache.retire(next);
        else this.#cache.add(parents, next);
        continue;
      }
      const result = visit({ directory, name, parents, mustBeDirectory });
      if (result !== FOLLOW) return result;
      follow(name);
    }
  }
}

/** Returns the names of a path. */
function partsOf(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

/** Returns the text of a symbolic link. Throws ENOTDIR for any other entry. */
function readLink(directory: Directory, name: string): string {
  try {
    return pathText(readlinkSync(directory.at(name), "buffer"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EINVAL") throw new FileSystemError("ENOTDIR");
    throw error;
  }
}
