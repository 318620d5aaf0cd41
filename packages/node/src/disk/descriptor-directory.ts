import { closeSync, constants, fstatSync, openSync, readlinkSync, type Stats } from "node:fs";
import { thisSystem } from "../windows/system.ts";
import type { Directory, PinnedEntry } from "./directory.ts";
import { type NativePath, nativePath } from "./native-path.ts";

const { O_DIRECTORY, O_NOFOLLOW } = constants;

/** Value of O_PATH on Linux (open(2)), the same on every architecture that Node supports. Such a descriptor needs no right to read. */
const O_PATH = 0o10_000_000;

/**
 * Returns the path that leads to an open file or directory (proc_pid_fd(5)). For a directory, an entry's name may follow. Elsewhere than on
 * Linux, some systems have `/dev/fd`, for files only.
 */
export function descriptorPath(descriptor: number): string {
  return thisSystem.platform === "linux" ? `/proc/self/fd/${descriptor}` : `/dev/fd/${descriptor}`;
}

/**
 * Opens the root on Linux. Each directory below it is opened by the descriptor of the one above, and never through a symbolic link, so
 * replacing a directory by a link has no effect on pending requests.
 */
export function openDescriptorRoot(path: string): Directory {
  return new DescriptorDirectory(openSync(path, O_PATH | O_DIRECTORY));
}

/** Returns whether directories can be opened by descriptor: needs `/proc`, and a runtime that passes the flags on to the system. */
export function hasDescriptors(): boolean {
  try {
    // "self" is a symbolic link, so this open must fail.
    closeSync(openSync("/proc/self", O_PATH | O_DIRECTORY | O_NOFOLLOW));
    return false;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOTDIR" || code === "ELOOP";
  }
}

class DescriptorDirectory implements Directory {
  readonly path: string;
  readonly isKept = true;
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
    this.path = descriptorPath(descriptor);
  }

  at(name: string): NativePath {
    return nativePath(`${this.path}/${name}`);
  }

  enter(name: string): Directory | undefined {
    try {
      // rule: sftp-disk-directory-link
      const flags = O_PATH | O_DIRECTORY | O_NOFOLLOW;
      return new DescriptorDirectory(openSync(this.at(name), flags));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === "ENOTDIR" || code === "ELOOP") return undefined;
      throw error;
    }
  }

  pin(name: string): PinnedEntry {
    return new PinnedDescriptor(this.hold(name));
  }

  hold(name: string): number {
    // rule: sftp-disk-pinned-link
    const flags = O_PATH | O_NOFOLLOW;
    return openSync(this.at(name), flags);
  }

  location(): string | undefined {
    try {
      return readlinkSync(this.path, "latin1");
    } catch {
      // Longer than the system's longest path.
      return undefined;
    }
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}

class PinnedDescriptor implements PinnedEntry {
  readonly stats: Stats;
  readonly path: string;
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
    this.path = descriptorPath(descriptor);
    this.stats = fstatSync(descriptor);
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}
