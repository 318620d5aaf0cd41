import type { SshError } from "@nacre/wire";
import type { CallContext } from "../../channel/call.ts";
import type { Chunk } from "../../local/chunk.ts";
import type { LocalAttributes, LocalDirectory, LocalEntry, LocalStats } from "../../local/local-files.ts";
import type { ListDirectory } from "../../remote/glob.ts";
import type { RemoteDigests } from "./remote-digests.ts";
import type { TokenBucket } from "./token-bucket.ts";

/**
 * Maximum size in bytes of a short file, which is read and written by one request each. Every server accepts requests of one byte more,
 * which detects a file that has grown.
 */
export const SHORT_LENGTH: number = 32 * 1024 - 1;

/** What to read of a file. */
export interface ReadOptions {
  /** First position in bytes. */
  readonly start: number;
  /** Approximate size of the file in bytes. */
  readonly size: number;
  /** Whether the path may be a symbolic link. */
  readonly follow: boolean;
  /** Limits the rate. */
  readonly bucket?: TokenBucket | undefined;
}

/** Attributes of a file to move. */
export interface SourceStats extends LocalStats {
  /** Whether the size is unknown until the whole file has been read. */
  readonly isUnsized?: boolean | undefined;
}

/** Files that a transfer reads. Paths are those of this side. */
export interface SourceFiles {
  /** Maximum number of files that may be open at the same time; `undefined` if this side sets no limit. */
  readonly mostFiles?: number | undefined;
  /** Digests that this side computes itself; `undefined` if this program has to read the files. */
  readonly remote?: RemoteDigests | undefined;
  /** Returns a path as messages show it. */
  show(path: string): string;
  /** Resolves with the attributes of a file; of the target if it is a symbolic link. */
  stat(path: string, context: CallContext): Promise<SourceStats>;
  /** Reads a file from a position to its end. */
  read(path: string, options: ReadOptions, context: CallContext): AsyncIterable<Chunk>;
  /**
   * Reads a file of at most `SHORT_LENGTH` bytes in one call. Resolves with `undefined` if this is not possible, for example because
   * `size` is out of date. Then call `read`.
   */
  readShort?(path: string, size: number, follow: boolean, context: CallContext): Promise<Uint8Array | undefined>;
}

/** A path that matches a pattern. */
export interface SourceMatch {
  /** Path below the directory of the pattern, with "/" between names. */
  readonly path: string;
  /** Attributes of the file or link itself; `undefined` if they were not listed. */
  readonly stats: LocalStats | undefined;
}

/** A side from which a transfer reads a tree. */
export interface SourceTree extends SourceFiles {
  /** Returns the path of an entry. */
  join(directory: string, name: string): string;
  /** Resolves with the attributes of a file; of the link itself if it is a symbolic link. */
  lstat(path: string, context: CallContext): Promise<LocalStats>;
  /** Resolves with the absolute path, with links resolved. */
  realpath(path: string, context: CallContext): Promise<string>;
  /** Lists a directory. */
  list(path: string, context: CallContext): AsyncIterable<LocalEntry>;
  /** Yields what matches a pattern below a directory. Each directory is listed through `list`. */
  glob(directory: string, pattern: string, context: CallContext, list: ListDirectory): AsyncIterable<SourceMatch>;
  /** Resolves with the target of a symbolic link. */
  readlink(path: string, context: CallContext): Promise<string>;
}

/** A directory to make. */
export interface NewDirectory {
  /** Permission bits. The umask of the target applies. */
  readonly mode: number | undefined;
  /** Whether a symbolic link to an existing one is followed. */
  readonly follow: boolean;
}

/** Attributes of a new file. */
export interface NewAttributes {
  /** Permission bits of the source. The umask of the target applies. */
  readonly mode: number | undefined;
  /** Attributes to set exactly, if they are preserved. */
  readonly exact: LocalAttributes | undefined;
  /** Whether to store the file durably. */
  readonly flush: boolean;
  /** Called if this side does not support them. The file or directory is kept without them. */
  readonly onUnsupported: (error: SshError) => void;
}

/** An entry of a directory of the target. */
export interface TargetEntry extends LocalEntry {
  /** Number of hard links; `undefined` if this side does not list it. */
  readonly links?: number | undefined;
}

/** An open partial file, to which the missing bytes are appended. */
export interface PartialFile {
  /** Size in bytes when it was opened. */
  readonly size: number;
  /** Reads into `buffer` from `position`. Only on the local side. */
  read?(buffer: Uint8Array, position: number): Promise<number>;
  /** Appends, sets the attributes, and closes the file, also after a failure. `path` is its current path. */
  write(path: string, chunks: AsyncIterable<Chunk>, attributes: NewAttributes, context: CallContext): Promise<void>;
  /** Closes the file. */
  close(): Promise<void>;
}

/** Opens partial files. */
export interface PartialFiles {
  /** Creates a partial file. Rejects if anything has this name. */
  create(path: string, mode: number | undefined, context: CallContext): Promise<PartialFile>;
  /** Opens a listed partial file. Resolves with `undefined` unless it is a regular file of this user with one link. */
  open(path: string, entry: TargetEntry, context: CallContext): Promise<PartialFile | undefined>;
}

/** Files that a transfer writes. Paths are those of this side. */
export interface TargetFiles {
  /** Maximum number of files that may be open at the same time; `undefined` if this side sets no limit. */
  readonly mostFiles?: number | undefined;
  /** Digests that this side computes itself; `undefined` if those of the bytes written are used. */
  readonly remote?: RemoteDigests | undefined;
  /** Resolves with the attributes of a file, of the link itself if it is a symbolic link; `undefined` if this side cannot tell. */
  lstat(path: string, context: CallContext): Promise<LocalStats | undefined>;
  /**
   * Writes a file under a temporary name and renames it when it is complete. After a failure, the temporary file is removed. `data` is the
   * whole contents, or chunks.
   */
  write(
    path: string,
    data: Uint8Array | AsyncIterable<Chunk>,
    attributes: NewAttributes,
    context: CallContext,
  ): Promise<void>;
}

/** A side to which a transfer writes a tree. */
export interface TargetTree extends TargetFiles {
  /** Opens partial files; `undefined` if this side does not support them. */
  readonly partials?: PartialFiles | undefined;
  /** Whether directories can be removed. */
  readonly removesDirectories: boolean;
  /** Returns the path of an entry. */
  join(directory: string, name: string): string;
  /** Returns directory and name of a path. */
  split(path: string): { readonly directory: string; readonly name: string };
  /** Rejects with `usage` if a path leads to a device, pipe or socket, because the new file would replace it. */
  refuseSpecial?(path: string, context: CallContext): Promise<void>;
  /**
   * Returns why this side does not allow a name; `undefined` if it does. With a directory of the transfer, also if an earlier name in it
   * would be the same file.
   */
  nameProblem(name: string, directory?: object): string | undefined;
  /** Opens a directory and keeps it open. Rejects for anything else; without `follow`, also for a symbolic link. */
  hold?(path: string, follow: boolean): Promise<LocalDirectory>;
  /** Lists a directory. */
  list(path: string, context: CallContext): AsyncIterable<TargetEntry>;
  /**
   * Makes a directory, or accepts an existing one; resolves with whether it is new. Rejects if the path is something else. Missing parents
   * are not made.
   */
  makeDirectory(path: string, directory: NewDirectory, context: CallContext): Promise<boolean>;
  /** Makes a symbolic link, in place of an existing file or link. */
  symlink(target: string, path: string, context: CallContext): Promise<void>;
  /** Sets the exact attributes of a directory. */
  setAttributes(
    path: string,
    attributes: Pick<NewAttributes, "exact" | "onUnsupported">,
    context: CallContext,
  ): Promise<void>;
  /** Renames a file in its directory. Replaces an existing file or link. */
  rename(from: string, to: string, context: CallContext): Promise<void>;
  /** Removes a file or link, or an empty directory. Never follows a link. */
  remove(path: string, type: "file" | "directory", context: CallContext): Promise<void>;
  /** Tries to remove a file. Never rejects, and waits only a short time. */
  discard(path: string): Promise<void>;
}
