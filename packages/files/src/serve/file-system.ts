import type { Attributes, StatVfs, UsersGroups } from "@nacre/sftp";

/** How a client opens a file (draft-ietf-secsh-filexfer-02 §6.3). */
export interface OpenMode {
  /** Opens for reading. */
  readonly read: boolean;
  /** Opens for writing. */
  readonly write: boolean;
  /** Every write goes to the end of the file; offsets are ignored. */
  readonly append: boolean;
  /** Creates the file if it does not exist. */
  readonly create: boolean;
  /** Truncates an existing file to length 0. */
  readonly truncate: boolean;
  /** Fails with `EEXIST` if the path exists, even as a symbolic link to nothing. Set only with `create`. */
  readonly exclusive: boolean;
}

/** An open file or directory of a `FileSystem`. */
export interface ServedHandle {
  /** Returns the attributes. */
  stat(): Promise<Attributes>;
  /** Changes the given attributes. A size truncates or extends a file; extending adds zeros. */
  setstat(attributes: Attributes): Promise<void>;
  /** Closes the file or directory. Called once, after all other calls have settled. */
  close(): Promise<void>;
}

/** An open file of a `FileSystem`. Reads, and writes to other ranges, may run at the same time. */
export interface ServedFile extends ServedHandle {
  /** Returns up to `length` bytes from `offset`, or an empty array at the end of the file. The bytes are copied before the next call. */
  read(offset: number, length: number): Promise<Uint8Array>;
  /**
   * Reads at once, like `read`; returns `undefined` if that could take long. The bytes are valid only until the next call of any file, so
   * that files may share a buffer. If it exists, it is called before `read`.
   */
  readNow?(offset: number, length: number): Uint8Array | undefined;
  /** Writes all bytes at `offset`, or at the end of a file opened with `append`. The file may keep the array. */
  write(offset: number, data: Uint8Array): Promise<void>;
}

/** An open directory of a `FileSystem`. */
export interface ServedDirectory extends ServedHandle {
  /** Returns the next entries, without "." and "..", in batches of any length; an empty array after the last batch. */
  read(): Promise<readonly DirectoryEntry[]>;
}

/** An entry of a directory. */
export interface DirectoryEntry {
  /** Name, without the directory. */
  readonly name: string;
  /** Attributes, as `lstat` returns them. */
  readonly attributes: Attributes;
  /** Number of hard links, for listings. Default: shown as "?". */
  readonly links?: number | undefined;
  /** Name of the owner, for listings. Default: the user id. */
  readonly user?: string | undefined;
  /** Name of the group, for listings. Default: the group id. */
  readonly group?: string | undefined;
}

/**
 * The files that an SFTP server serves: on a disk, in memory, in a bucket or a database. Paths are text as `decodePath` returns it: bytes
 * that are not UTF-8 are lone surrogates, and `encodePath` returns the bytes. Relative paths and "" start at a directory that the file
 * system chooses. Methods may be called while others run; a method that changes something runs alone (see `sftpServer`).
 *
 * A method fails with an error that has one of Node's codes as its `code`, such as `new FileSystemError("ENOENT")`. Any other exception
 * is a fault: the client sees only "Failure", and the log gets the exception.
 *
 * A missing optional method makes its requests unsupported, and its extension is not announced.
 */
export interface FileSystem {
  /**
   * Returns these files for one login, so that logins share limited resources: open files, and time. `login` is the same text for all
   * sessions of one user with the same keys. Called at the start of each session.
   */
  forLogin?(login: string): FileSystem;
  /** Opens or creates a file. `attributes.permissions` are those of a new file. */
  open(path: string, mode: OpenMode, attributes: Attributes): Promise<ServedFile>;
  /** Opens a directory for listing. */
  opendir(path: string): Promise<ServedDirectory>;
  /** Returns the attributes of a path, following symbolic links. */
  stat(path: string): Promise<Attributes>;
  /** Returns the attributes of a path. Those of a symbolic link are its own. */
  lstat(path: string): Promise<Attributes>;
  /** Returns the absolute path without ".", ".." and symbolic links. */
  realpath(path: string): Promise<string>;
  /** Changes the given attributes of a path, following symbolic links. A size truncates or extends. */
  setstat?(path: string, attributes: Attributes): Promise<void>;
  /** Changes the given attributes of a path, without following a symbolic link (lsetstat@openssh.com). */
  lsetstat?(path: string, attributes: Attributes): Promise<void>;
  /** Creates a directory. */
  mkdir?(path: string, attributes: Attributes): Promise<void>;
  /** Removes an empty directory. */
  rmdir?(path: string): Promise<void>;
  /** Removes a file or a symbolic link. */
  remove?(path: string): Promise<void>;
  /** Renames a file or directory. Fails with `EEXIST` if the new path exists. */
  rename?(oldPath: string, newPath: string): Promise<void>;
  /** Renames a file or directory and replaces an existing one in one step, as POSIX does (posix-rename@openssh.com). */
  posixRename?(oldPath: string, newPath: string): Promise<void>;
  /** Creates a hard link `newPath` to `oldPath` (hardlink@openssh.com). */
  link?(oldPath: string, newPath: string): Promise<void>;
  /** Creates a symbolic link that contains `target`. */
  symlink?(target: string, path: string): Promise<void>;
  /** Returns the text of a symbolic link. */
  readlink?(path: string): Promise<string>;
  /** Stores the contents of a file durably (fsync@openssh.com). */
  fsync?(file: ServedFile): Promise<void>;
  /** Returns facts about the file system of a path (statvfs@openssh.com). */
  statfs?(path: string): Promise<StatVfs>;
  /** Returns facts about the file system of an open file or directory (fstatvfs@openssh.com). */
  fstatfs?(handle: ServedFile | ServedDirectory): Promise<StatVfs>;
  /**
   * Returns the home directory of a user (home-directory, expand-path@openssh.com). Fails with `ENOENT` for an unknown one. `isLoggedIn` is
   * true for the user of the session.
   */
  homeDirectory?(user: string, isLoggedIn: boolean): Promise<string>;
  /** Returns the names of users and groups, one for each id; "" for an unknown one (users-groups-by-id@openssh.com). */
  usersGroups?(uids: readonly number[], gids: readonly number[]): Promise<UsersGroups>;
}
