import type { CallContext } from "../call.ts";
import type { NearAttributes, NearEntry, NearStats } from "./near-files.ts";

/** Where a transfer reads. Paths are those of this side. */
export interface SourceTree {
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
  /** Returns the path of an entry. */
  join(directory: string, name: string): string;
  /** Returns why no entry can have a name, or `undefined`. */
  nameProblem(name: string): string | undefined;
  /**
   * Makes a directory, or accepts an existing one. Rejects if the path is something else, such as a symbolic link. The root may be a link to
   * a directory, and its missing parents are not made.
   */
  makeDirectory(path: string, directory: NewDirectory, context: CallContext): Promise<void>;
  /** Writes a file under a temporary name and renames it when it is whole. After a failure, the temporary file is removed. */
  write(
    path: string,
    chunks: AsyncIterable<Uint8Array>,
    attributes: NewAttributes,
    context: CallContext,
  ): Promise<void>;
  /** Makes a symbolic link, in place of an existing file or link. */
  symlink(target: string, path: string, context: CallContext): Promise<void>;
  /** Sets attributes of a directory. */
  setAttributes(path: string, attributes: NearAttributes, context: CallContext): Promise<void>;
}
