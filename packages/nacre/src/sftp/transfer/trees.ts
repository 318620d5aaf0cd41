import type { CallContext } from "../call.ts";
import type { NearAttributes, NearEntry, NearStats } from "./near-files.ts";

/**
 * Maximum size in bytes of a file that is moved as a whole, with fewer calls than a longer one. Every server accepts one request with this
 * length, and with one byte more.
 */
export const SHORT_LENGTH: number = 32 * 1024 - 1;

/** Where a transfer reads. Paths are those of this side. */
export interface SourceTree {
  /** Number of files that may be open at the same time. */
  readonly mostFiles: number;
  /** Returns the path of an entry. */
  join(directory: string, name: string): string;
  /** Resolves with the attributes of a file; of the target if it is a symbolic link. */
  stat(path: string, context: CallContext): Promise<NearStats>;
  /** Resolves with the absolute path without links. */
  realpath(path: string, context: CallContext): Promise<string>;
  /** Lists a directory. */
  list(path: string, context: CallContext): AsyncIterable<NearEntry>;
  /** Reads a file of about `size` bytes. A chunk is valid until the next one is requested. */
  read(path: string, size: number, follow: boolean, context: CallContext): AsyncIterable<Uint8Array>;
  /**
   * Reads a file of at most `SHORT_LENGTH` bytes at once. Resolves with `undefined` if this is not possible, such as when `size` is out of
   * date: call `read` then.
   */
  readShort(path: string, size: number, follow: boolean, context: CallContext): Promise<Uint8Array | undefined>;
  /** Resolves with the target of a symbolic link. */
  readlink(path: string, context: CallContext): Promise<string>;
}

/** A directory to make. */
export interface NewDirectory {
  /** Permission bits. The umask of the target applies. */
  readonly mode: number | undefined;
  /** Whether it is the root of the transfer. */
  readonly isRoot: boolean;
}

/** Attributes of a new file. */
export interface NewAttributes {
  /** Permission bits of the source. The umask of the target applies. */
  readonly mode: number | undefined;
  /** Attributes to set exactly, if they are preserved. */
  readonly exact: NearAttributes | undefined;
}

/** Where a transfer writes. Paths are those of this side. */
export interface TargetTree {
  /** Number of files that may be open at the same time. */
  readonly mostFiles: number;
  /** Returns the path of an entry. */
  join(directory: string, name: string): string;
  /** Returns why no entry can have a name, or `undefined`. */
  nameProblem(name: string): string | undefined;
  /**
   * Makes a directory, or accepts an existing one. Rejects if the path is something else, such as a symbolic link. The root may be a link to
   * a directory, and its missing parents are not made.
   */
  makeDirectory(path: string, directory: NewDirectory, context: CallContext): Promise<void>;
  /**
   * Writes a file under a temporary name and renames it when it is whole. After a failure, the temporary file is removed. `data` is the
   * whole contents, or chunks that are valid until the next one is requested.
   */
  write(
    path: string,
    data: Uint8Array | AsyncIterable<Uint8Array>,
    attributes: NewAttributes,
    context: CallContext,
  ): Promise<void>;
  /** Makes a symbolic link, in place of an existing file or link. */
  symlink(target: string, path: string, context: CallContext): Promise<void>;
  /** Sets attributes of a directory. */
  setAttributes(path: string, attributes: NearAttributes, context: CallContext): Promise<void>;
}
