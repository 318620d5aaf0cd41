import { constants, lstatSync, openSync, realpathSync } from "node:fs";
import { FileSystemError } from "@nacre/files/server";
import type { Directory, PinnedEntry } from "./directory.ts";
import { type NativePath, nativePath } from "./native-path.ts";

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;

/**
 * Opens the root on systems without `/proc/self/fd`. Each directory of a path is checked before its name is used. Another process that
 * replaces a directory by a symbolic link between the check and the use can lead a request out of the root: Node has no call that
 * prevents it.
 */
export function openPathRoot(path: string): Directory {
  const real = realpathSync(path);
  if (!lstatSync(real).isDirectory()) throw new FileSystemError("ENOTDIR");
  return new PathDirectory(real === "/" ? "" : real);
}

class PathDirectory implements Directory {
  readonly isKept = false;
  /** Without "/" at its end; "" for the root of the system. */
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  get path(): string {
    return `${this.#path}/`;
  }

  at(name: string): NativePath {
    return nativePath(`${this.#path}/${name}`);
  }

  enter(name: string): Directory | undefined {
    // rule: sftp-disk-checked-link
    if (!lstatSync(this.at(name)).isDirectory()) return undefined;
    return new PathDirectory(`${this.#path}/${name}`);
  }

  pin(name: string): PinnedEntry {
    const path = this.at(name);
    return { stats: lstatSync(path), path, close() {} };
  }

  hold(name: string): number | undefined {
    try {
      return openSync(this.at(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    } catch {
      // The account may not read it.
      return undefined;
    }
  }

  location(): string | undefined {
    try {
      return realpathSync.native(nativePath(this.path), "latin1");
    } catch {
      // It was removed.
      return undefined;
    }
  }

  close(): void {}
}
