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
  /** Directories to close after the outermost call. */
  readonly #retired: Directory[] = [];
  #calls = 0;
  #lastUse = 0;
  #isTimed = false;

  constructor(openRoot: () => Directory) {
    this.#openRoot = openRoot;
  }

  /** Runs a call that uses directories. Those that are not kept are closed after the outermost call. */
  use<T>(call: () => T): T {
    this.#calls++;
    try {
      return call();
    } finally {
      if (--this.#calls === 0) this.#settle();
    }
  }

  /** Returns the nearest kept directory above the last of these names, and the number of names that lead to it. */
  nearest(names: readonly string[]): { readonly directory: Directory; readonly depth: number } {
    // Behind a "..", the names are not those of the directories on the way.
    const depth = names.includes("..") ? 0 : names.length - 1;
    for (let at = depth; at > 0; at--) {
      const directory = this.#find(names.slice(0, at).join("/"));
      if (directory !== undefined) return { directory, depth: at };
    }
    return { directory: this.root(), depth: 0 };
  }

  /** Returns the root. */
  root(): Directory {
    const known = this.#find("");
    if (known !== undefined) return known;
    const directory = this.#openRoot();
    this.#keep("", directory, directory.location());
    return directory;
  }

  /** Takes over a directory that was opened during a call. Keeps it if it is where these names lead to. */
  add(names: readonly string[], directory: Directory): void {
    const root = this.#kept.get("")?.location;
    const location = directory.location();
    const path = names.join("/");
    // rule: sftp-disk-kept-place
    const isInPlace = root !== undefined && location === `${root === "/" ? "" : root}/${bytesOf(path)}`;
    this.#keep(path, directory, isInPlace ? location : undefined);
  }

  /** Takes over a directory that was opened during a call, and closes it after the outermost call. */
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
    for (const directory of this.#retired.splice(0)) directory.close();
  }
}
