import type { Stats } from "node:fs";
import type { NativePath } from "./native-path.ts";

/** A directory inside the root, and the ways to reach its entries. */
export interface Directory {
  /** Path for `node:fs` of the directory itself. */
  readonly path: string;
  /** Whether later requests may use it: on systems without descriptors of directories, that takes as long as to find it again. */
  readonly isKept: boolean;
  /** Returns the path for `node:fs` of an entry. `name` has no "/" and is not ".."; "." is the directory itself. */
  at(name: string): NativePath;
  /** Opens an entry if it is a directory itself. Returns `undefined` for anything else, such as a symbolic link to one. */
  enter(name: string): Directory | undefined;
  /** Pins an entry without following a symbolic link, so that a later replacement of its name has no effect. */
  pin(name: string): PinnedEntry;
  /**
   * Opens an entry without following a symbolic link, and returns a descriptor. Until that is closed, removing or replacing the name frees
   * nothing. Returns `undefined` if the system has no way to open this entry.
   */
  hold(name: string): number | undefined;
  /**
   * Returns where the directory is at present: its absolute path without symbolic links, with one character per byte. Returns `undefined`
   * if that is unknown; such a directory is not kept for later requests.
   */
  location(): string | undefined;
  /** Releases the directory. */
  close(): void;
}

/** An entry of a directory that was pinned by `Directory.pin`. */
export interface PinnedEntry {
  /** Attributes at the time of the call to `pin`. */
  readonly stats: Stats;
  /** Path for `node:fs` that leads to this entry even if its name was given to another one. */
  readonly path: NativePath;
  /** Releases the entry. */
  close(): void;
}

/** Opens the directory that is served. Throws the error of `node:fs` if it cannot. */
export type OpenRoot = (path: string) => Directory;
