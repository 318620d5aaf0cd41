/** Attributes of a file on the local side. */
export interface LocalStats {
  /** Type of the file; `"special"` for devices, pipes and sockets. */
  readonly type: LocalFileType;
  /** Size in bytes. */
  readonly size: number;
  /** Permission bits; `undefined` if the file system has none. */
  readonly mode?: number | undefined;
  /** Time of the last access in milliseconds since 1970; `undefined` if unknown. */
  readonly atimeMs?: number | undefined;
  /** Time of the last change of the contents in milliseconds since 1970; `undefined` if unknown. */
  readonly mtimeMs?: number | undefined;
}

/** Types of files that transfers distinguish. */
export type LocalFileType = "file" | "directory" | "link" | "special";

/** Entry of a directory on the local side, with the attributes of the entry itself. */
export interface LocalEntry extends LocalStats {
  /** Name without directory. */
  readonly name: string;
}

/** Attributes to set on a file or directory. */
export interface LocalAttributes {
  /** Permission bits. Ignored by file systems without them. */
  readonly mode?: number | undefined;
  /** Times in milliseconds since 1970. Ignored by file systems without them. */
  readonly times?: { readonly atimeMs: number; readonly mtimeMs: number } | undefined;
}

/** A file of the local side that is open for reading. */
export interface LocalReader {
  /** Reads into `buffer` from `position`. Resolves with the number of bytes, 0 at the end of the file. */
  read(buffer: Uint8Array, position: number): Promise<number>;
  /** Closes the file. */
  close(): Promise<void>;
}

/** A new file of the local side that is open for writing. */
export interface LocalWriter {
  /** Writes all bytes of the pieces at `position`, one piece after the other. Does not use them after the promise has settled. */
  write(pieces: readonly Uint8Array[], position: number): Promise<void>;
  /** Sets attributes of this file. */
  setAttributes(attributes: LocalAttributes): Promise<void>;
  /** Stores the file durably, for `flush`. Without this method, `flush` has no effect here. */
  sync?(): Promise<void>;
  /** Closes the file. */
  close(): Promise<void>;
}

/** A partial file of an earlier transfer that is open for reading and writing. */
export interface LocalPartial extends LocalReader, LocalWriter {
  /** Size in bytes. */
  readonly size: number;
}

/** A directory that is held open. */
export interface LocalDirectory {
  /** Path that leads to this directory for as long as it is held, even if it is renamed, or another one or a link takes its name. */
  readonly path: string;
  /** Lets the directory go. */
  close(): Promise<void>;
}

/** Computes a SHA-256 digest from parts. */
export interface Sha256 {
  /** Takes the next bytes. */
  update(bytes: Uint8Array): void;
  /** Returns the digest of all bytes so far in lowercase hexadecimal. More may follow. */
  digest(): string;
}

/**
 * Files on this side of the connection, for `upload` and `download`: those of a disk, a browser or memory. Paths are text; one that
 * `join` made is passed back as it is. Every call rejects with an `SshError` that has the path in its message.
 */
export interface LocalFiles {
  /** Which names files can have: `"windows"` reserves more. A download refuses the others. */
  readonly nameRules: "posix" | "windows";
  /** Returns the path of `name` in a directory. */
  join(directory: string, name: string): string;
  /** Returns directory and name of a path. */
  split(path: string): { readonly directory: string; readonly name: string };
  /** Resolves with the attributes of a file; of the target if it is a symbolic link. */
  stat(path: string): Promise<LocalStats>;
  /** Resolves with the attributes of a file; of the link itself if it is a symbolic link. */
  lstat(path: string): Promise<LocalStats>;
  /** Resolves with the absolute path without links. */
  realpath(path: string): Promise<string>;
  /** Lists a directory, without "." and "..", and without entries that are removed meanwhile. */
  list(path: string): AsyncIterable<LocalEntry>;
  /** Opens a regular file. Rejects for anything else; without `follow`, also for a symbolic link. */
  open(path: string, follow: boolean): Promise<LocalReader>;
  /** Creates a file. Rejects if anything has this name, even a symbolic link without target. `mode` has permission bits. */
  create(path: string, mode: number | undefined): Promise<LocalWriter>;
  /** Renames a file or a symbolic link in its directory. Replaces an existing file or link, never a directory. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or a symbolic link. Resolves if it does not exist. */
  remove(path: string): Promise<void>;
  /** Makes a directory. Resolves with false if anything has this name. `mode` has permission bits. */
  makeDirectory(path: string, mode: number | undefined): Promise<boolean>;
  /** Sets attributes of a directory. */
  setAttributes(path: string, attributes: LocalAttributes): Promise<void>;
  /** Resolves with the target of a symbolic link. */
  readlink(path: string): Promise<string>;
  /** Makes a symbolic link `path` to `target`. Rejects if anything has this name. */
  symlink(target: string, path: string): Promise<void>;
  /**
   * Opens a file that an earlier transfer left, for `resume`. Resolves with `undefined` unless it is a regular file of this user with
   * exactly one link; never follows a symbolic link. Without this method, `resume` begins every download anew.
   */
  openPartial?(path: string): Promise<LocalPartial | undefined>;
  /** Removes an empty directory, never through a symbolic link. Without this method, a download with `delete` rejects with `usage`. */
  removeDirectory?(path: string): Promise<void>;
  /**
   * Opens a directory and holds it. Rejects for anything else; without `follow`, also for a symbolic link. A download then writes through
   * the path of the held directory, so that a link put in place of a directory meanwhile redirects nothing. Without this method, a
   * directory is checked only when it is entered.
   */
  holdDirectory?(path: string, follow: boolean): Promise<LocalDirectory>;
  /** Returns a new SHA-256 computation. Default: one in JavaScript, loaded on first use. */
  sha256?(): Sha256;
}

/** A file or directory of the local side. */
export interface LocalPath {
  /** File system that has it. */
  readonly files: LocalFiles;
  /** Path in this file system. */
  readonly path: string;
}
