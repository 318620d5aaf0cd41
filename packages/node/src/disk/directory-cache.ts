import type { Directory } from "./directory.ts";
import { bytesOf } from "./native-path.ts";

/** Number of directories that stay open. */
export const MAX_KEPT = 16;

/** Time in milliseconds after which unused directories are closed. */
const IDLE = 1000;

/** An open directory, and where it was when it was opened. */
interface Kept {
  readonly directory: Directory;
  readonly location: string;
}

/**
 * Keeps the directories of recent calls open. A kept directory is used again only while it is still where it was: its location is read
 * before each use. So a directory that was moved, by a client or by another program, is looked up anew.
 */
export class DirectoryCache {
  readonly #openRoot: () => Directory;
  /** By path inside the root, least recently used first. The root has the path "". */
  readonly #kept = new Map<string, Kept>();
  /** Directories to close after the call. */
  readonly #retired: Directory[] = [];
  /** Directories that walks need again in a later turn, with the number of these walks. */
  readonly #held = new Map<Directory, number>();
  #lastUse = 0;
  #isTimed = false;

  constructor(openRoot: () => Directory) {
    this.#openRoot = openRoot;
  }

  /** Runs a synchronous call that uses directories. Those that are neither kept nor held are closed after it. */
  use<T>(call: () => T): T {
    try {
      return call();
    } finally {
      this.#settle();
    }
  }

  /** Keeps a directory open after the call, until as many calls of `release`. */
  hold(directory: Directory): void {
    this.#held.set(directory, (this.#held.get(directory) ?? 0) + 1);
  }

  /** Ends a `hold`. */
  release(directory: Directory): void {
    const others = this.#held.get(directory)! - 1;
    if (others > 0) this.#held.set(directory, others);
    else this.#held.delete(directory);
  }

  /** Returns the nearest kept directory above the last of these names, and the number of names that lead to it. */
  nearest(names: readonly string[]): { readonly directory: Directory; readonly depth: number } {
    // Behind a "..", the names are not those of the directories on the way.
    const above = names.includes("..") ? "" : `${names.slice(0, -1).join("/")}/`;
    // `#find` drops a directory that was moved.
    for (let path = this.#longestIn(above); path !== ""; path = this.#longestIn(above)) {
      const directory = this.#find(path);
      if (directory !== undefined) return { directory, depth: path.split("/").length };
    }
    return { directory: this.root(), depth: 0 };
  }

  /** Returns the longest path of a kept directory that a path begins with; "" for that of the root. */
  #longestIn(above: string): string {
    let longest = "";
    for (const path of this.#kept.keys())
      if (path.length > longest.length && above.startsWith(path) && above[path.length] === "/") longest = path;
    return longest;
  }

  /** Returns the root. */
  root(): Directory {
    const known = this.#find("");
    if (known !== undefined) return known;
    const directory = this.#openRoot();
    this.#keep("", directory, directory.isKept ? directory.location() : undefined);
    return directory;
  }

  /** Takes over a directory that was opened during a call. Keeps it if it is where these names lead to. */
  add(names: readonly string[], directory: Directory): void {
    if (!directory.isKept) return this.retire(directory);
    const root = this.#kept.get("")?.location;
    const location = directory.location();
    const path = names.join("/");
    // rule: sftp-disk-kept-place
    const isInPlace = root !== undefined && location === `${root === "/" ? "" : root}/${bytesOf(path)}`;
    this.#keep(path, directory, isInPlace ? location : undefined);
  }

  /** Takes over a directory that was opened during a call, and closes it after the call. */
  retire(directory: Directory): void {
    this.#retired.push(directory);
  }

  #keep(path: string, directory: Directory, location: string | undefined): void {
    const old = this.#kept.get(path);
    if (old !== undefined) this.#retired.push(old.directory);
    this.#kept.delete(path);
    if (location === undefined) this.#retired.push(directory);
    else this.#kept.set(path, { directory, location });
  }

  #find(path: string): Directory | undefined {
    const found = this.#kept.get(path);
    if (found === undefined) return undefined;
    this.#kept.delete(path);
    // rule: sftp-disk-kept-moved
    if (found.directory.location() !== found.location) {
      this.#retired.push(found.directory);
      return undefined;
    }
    this.#kept.set(path, found);
    return found.directory;
  }

  /** Closes all other directories, and starts the timer for those that are kept. */
  #settle(): void {
    for (const path of this.#kept.keys()) {
      if (this.#kept.size <= MAX_KEPT) break;
      if (path !== "") this.#retire(path);
    }
    this.#closeRetired();
    this.#lastUse = performance.now();
    if (this.#kept.size > 0 && !this.#isTimed) this.#closeLater(IDLE);
  }

  #closeLater(wait: number): void {
    this.#isTimed = true;
    setTimeout(() => {
      this.#isTimed = false;
      const left = this.#lastUse + IDLE - performance.now();
      if (left > 0) return this.#closeLater(left);
      for (const path of this.#kept.keys()) this.#retire(path);
      this.#closeRetired();
    }, wait).unref();
  }

  #retire(path: string): void {
    this.#retired.push(this.#kept.get(path)!.directory);
    this.#kept.delete(path);
  }

  #closeRetired(): void {
    if (this.#retired.length === 0) return;
    const retired = this.#retired.splice(0);
    for (const directory of retired) {
      if (this.#held.has(directory)) this.#retired.push(directory);
      else directory.close();
    }
  }
}
