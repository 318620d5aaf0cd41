import {
  closeSync,
  constants,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statfsSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import {
  type Attributes,
  type FileSystem,
  FileSystemError,
  type OpenMode,
  type ServedDirectory,
  type ServedFile,
  SSH_FXE_STATVFS,
  type StatVfs,
  type UsersGroups,
} from "nacre/sftp-server";
import { FREED_FROM, freeBuffer } from "../free-buffer.ts";
import { TurnBudget } from "../turn-budget.ts";
import { AccountNames } from "./accounts.ts";
import { attributesOf, changeAt, changeLink } from "./attributes.ts";
import type { OpenRoot, PinnedEntry } from "./directory.ts";
import { DirectoryTree, FOLLOW, type Place } from "./directory-tree.ts";
import { DiskDirectory } from "./disk-directory.ts";
import { DiskFile, type HandleContext } from "./disk-file.ts";
import { type NativePath, nativePath, pathText } from "./native-path.ts";
import type { DiskFileSystemOptions } from "./options.ts";
import { assertNotProc, assertRegular } from "./regular-file.ts";

const { O_RDONLY, O_WRONLY, O_RDWR, O_APPEND, O_CREAT, O_TRUNC, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;

/** Longest name in bytes on the usual file systems; statfs(2) of Node does not return it. */
const LONGEST_NAME = 255n;

/** Files of a disk below a root, for `diskFileSystem`. */
export class DiskFiles implements Required<Omit<FileSystem, "usersGroups">> {
  /** Only for the whole system: a restricted client need not know the accounts. */
  readonly usersGroups?: NonNullable<FileSystem["usersGroups"]>;
  readonly #tree: DirectoryTree;
  readonly #turn = new TurnBudget();
  readonly #handles: HandleContext;
  readonly #accounts: AccountNames | undefined;
  readonly #startDirectory: string;
  readonly #umask: number;
  readonly #readOnly: boolean;
  readonly #maxHandles: number;
  #openHandles = 0;

  constructor(options: DiskFileSystemOptions, openRoot: OpenRoot) {
    const { root, startDirectory = "/", readOnly = false, umask = 0, maxHandles = 4096 } = options;
    this.#tree = new DirectoryTree(root, startDirectory, openRoot);
    this.#accounts = root === "/" ? new AccountNames() : undefined;
    this.#startDirectory = startDirectory;
    this.#umask = umask;
    this.#readOnly = readOnly;
    this.#maxHandles = maxHandles;
    this.#handles = {
      turn: this.#turn,
      assertWritable: () => this.#assertWritable(),
      closed: () => {
        this.#openHandles--;
      },
    };
    const accounts = this.#accounts;
    if (accounts !== undefined)
      this.usersGroups = async (uids, gids): Promise<UsersGroups> => accounts.names(uids, gids);
  }

  open(path: string, mode: OpenMode, { permissions = 0o666 }: Attributes): Promise<ServedFile> {
    const { write, append, create, truncate } = mode;
    const flags = openFlags(mode);
    const visit = ({ directory, name, mustBeDirectory }: Place): DiskFile | typeof FOLLOW => {
      this.#assertHandleLeft();
      if (mustBeDirectory && create) throw new FileSystemError("EISDIR");
      let descriptor: number;
      try {
        descriptor = openSync(directory.at(name), flags, this.#mode(permissions));
      } catch (error) {
        if (isLink(error)) return FOLLOW;
        // A FIFO without a reader, or a socket.
        throw codeOf(error) === "ENXIO" ? new FileSystemError("EACCES") : error;
      }
      try {
        assertRegular(descriptor);
        if (mustBeDirectory) throw new FileSystemError("ENOTDIR");
      } catch (error) {
        closeSync(descriptor);
        throw error;
      }
      this.#openHandles++;
      return new DiskFile(descriptor, this.#handles, append);
    };
    return write || append || create || truncate ? this.#change(path, visit) : this.#visit(path, visit);
  }

  opendir(path: string): Promise<ServedDirectory> {
    return this.#visit(path, ({ directory, name }) => {
      this.#assertHandleLeft();
      const entered = directory.enter(name);
      if (entered === undefined) return FOLLOW;
      try {
        const opened = new DiskDirectory(entered, this.#handles, this.#accounts);
        this.#openHandles++;
        return opened;
      } catch (error) {
        entered.close();
        throw error;
      }
    });
  }

  stat(path: string): Promise<Attributes> {
    return this.#visit(path, (place) => attributesAt(place, true));
  }

  lstat(path: string): Promise<Attributes> {
    return this.#visit(path, (place) => attributesAt(place, place.mustBeDirectory));
  }

  realpath(path: string): Promise<string> {
    return this.#visit(path, ({ directory, name, parents }) => {
      if (name === ".") return `/${parents.join("/")}`;
      // The last name need not exist, as with OpenSSH's server.
      if (lstatSync(directory.at(name), { throwIfNoEntry: false })?.isSymbolicLink() === true) return FOLLOW;
      return `/${[...parents, name].join("/")}`;
    });
  }

  setstat(path: string, attributes: Attributes): Promise<void> {
    return this.#change(path, (place) =>
      pinned(place, (entry) => {
        if (entry.stats.isSymbolicLink()) return FOLLOW;
        return changeEntry(entry, attributes);
      }),
    );
  }

  lsetstat(path: string, attributes: Attributes): Promise<void> {
    return this.#change(path, (place) =>
      pinned(place, (entry) => {
        if (!entry.stats.isSymbolicLink()) return changeEntry(entry, attributes);
        return place.mustBeDirectory ? FOLLOW : changeLink(place.directory.at(place.name), attributes);
      }),
    );
  }

  mkdir(path: string, { permissions = 0o777 }: Attributes): Promise<void> {
    return this.#change(path, ({ directory, name }) => {
      mkdirSync(directory.at(name), this.#mode(permissions));
    });
  }

  rmdir(path: string): Promise<void> {
    return this.#change(path, ({ directory, name }) => rmdirSync(own(directory.at(name), name)));
  }

  remove(path: string): Promise<void> {
    return this.#change(path, ({ directory, name, mustBeDirectory }) => {
      const target = directory.at(name);
      if (mustBeDirectory) throw new FileSystemError(lstatSync(target).isDirectory() ? "EISDIR" : "ENOTDIR");
      unlinkSync(own(target, name));
    });
  }

  rename(oldPath: string, newPath: string): Promise<void> {
    return this.#changeTwo(oldPath, newPath, (from, to) => {
      if (lstatSync(from).isFile() && linked(from, to)) return unlinkSync(from);
      if (lstatSync(to, { throwIfNoEntry: false }) !== undefined) throw new FileSystemError("EEXIST");
      renameSync(from, to);
    });
  }

  posixRename(oldPath: string, newPath: string): Promise<void> {
    return this.#changeTwo(oldPath, newPath, renameSync);
  }

  link(oldPath: string, newPath: string): Promise<void> {
    return this.#changeTwo(oldPath, newPath, linkSync);
  }

  symlink(target: string, path: string): Promise<void> {
    return this.#change(path, ({ directory, name, mustBeDirectory }) => {
      if (target === "" || mustBeDirectory) throw new FileSystemError("ENOENT");
      symlinkSync(nativePath(target), directory.at(name));
    });
  }

  readlink(path: string): Promise<string> {
    return this.#visit(path, ({ directory, name, mustBeDirectory }) =>
      mustBeDirectory ? FOLLOW : pathText(readlinkSync(directory.at(name), "buffer")),
    );
  }

  async fsync(file: ServedFile): Promise<void> {
    if (!(file instanceof DiskFile)) throw new FileSystemError("EBADF");
    this.#assertWritable();
    await file.sync();
  }

  statfs(path: string): Promise<StatVfs> {
    return this.#visit(path, (place) =>
      pinned(place, (entry) => (entry.stats.isSymbolicLink() ? FOLLOW : this.#facts(entry.path))),
    );
  }

  fstatfs(handle: ServedFile | ServedDirectory): Promise<StatVfs> {
    return this.#turn.run(() => {
      if (handle instanceof DiskDirectory) return this.#facts(handle.path);
      if (handle instanceof DiskFile) return this.#facts(handle.path);
      throw new FileSystemError("EBADF");
    });
  }

  async homeDirectory(user: string, isLoggedIn: boolean): Promise<string> {
    // A user who logged in need not be an account of this system.
    const home = this.#accounts?.home(user) ?? (isLoggedIn ? this.#startDirectory : undefined);
    if (home === undefined) throw new FileSystemError("ENOENT");
    return home;
  }

  releaseBytes({ buffer, length }: Uint8Array): void {
    if (length >= FREED_FROM && buffer instanceof ArrayBuffer) freeBuffer(buffer);
  }

  #visit<T>(path: string, visit: (place: Place) => T | typeof FOLLOW): Promise<T> {
    return this.#turn.run(() => this.#tree.visit(path, visit));
  }

  /** Like `#visit`, for a call that changes something. */
  #change<T>(path: string, visit: (place: Place) => T | typeof FOLLOW): Promise<T> {
    return this.#turn.run(() => {
      this.#assertWritable();
      return this.#tree.visit(path, visit);
    });
  }

  /** Calls back with the paths for `node:fs` of two entries, whose links are not followed. */
  #changeTwo(oldPath: string, newPath: string, change: (from: NativePath, to: NativePath) => void): Promise<void> {
    return this.#change(oldPath, (from) =>
      this.#tree.visit(newPath, (to) => {
        const source = own(from.directory.at(from.name), from.name);
        const target = own(to.directory.at(to.name), to.name);
        if ((from.mustBeDirectory || to.mustBeDirectory) && !lstatSync(source).isDirectory())
          throw new FileSystemError("ENOTDIR");
        change(source, target);
      }),
    );
  }

  /** Throws EROFS if the file system is read-only. Every call that changes something passes here first. */
  #assertWritable(): void {
    // rule: sftp-disk-read-only
    if (this.#readOnly) throw new FileSystemError("EROFS");
  }

  #assertHandleLeft(): void {
    // rule: sftp-disk-handles
    if (this.#openHandles >= this.#maxHandles) throw new FileSystemError("EMFILE");
  }

  #mode(permissions: number): number {
    return permissions & 0o7777 & ~this.#umask;
  }

  #facts(path: NativePath): StatVfs {
    const { bsize, blocks, bfree, bavail, files, ffree } = statfsSync(path, { bigint: true });
    return {
      bsize,
      frsize: bsize,
      blocks,
      bfree,
      bavail,
      files,
      ffree,
      favail: ffree,
      fsid: 0n,
      flag: this.#readOnly ? SSH_FXE_STATVFS.ST_RDONLY : 0n,
      namemax: LONGEST_NAME,
    };
  }
}

function openFlags({ read, write, append, create, truncate, exclusive }: OpenMode): number {
  let flags = write || append ? (read ? O_RDWR : O_WRONLY) : O_RDONLY;
  if (append) flags |= O_APPEND;
  if (create) flags |= O_CREAT;
  if (truncate) flags |= O_TRUNC;
  if (exclusive) flags |= O_EXCL;
  // Without O_NONBLOCK, opening a FIFO would wait for its other end.
  flags |= O_NONBLOCK | O_NOCTTY;
  // rule: sftp-disk-file-link
  flags |= O_NOFOLLOW;
  return flags;
}

function attributesAt({ directory, name, mustBeDirectory }: Place, follow: boolean): Attributes | typeof FOLLOW {
  const stats = lstatSync(directory.at(name), { throwIfNoEntry: false });
  if (stats === undefined) throw new FileSystemError("ENOENT");
  if (follow && stats.isSymbolicLink()) return FOLLOW;
  if (mustBeDirectory && !stats.isDirectory()) throw new FileSystemError("ENOTDIR");
  return attributesOf(stats);
}

/** Calls back with the pinned entry of a place. */
function pinned<T>({ directory, name, mustBeDirectory }: Place, use: (entry: PinnedEntry) => T): T {
  const entry = directory.pin(name);
  try {
    const { stats } = entry;
    if (mustBeDirectory && !stats.isDirectory() && !stats.isSymbolicLink()) throw new FileSystemError("ENOTDIR");
    return use(entry);
  } finally {
    entry.close();
  }
}

/** Changes attributes of a pinned entry other than a symbolic link. */
function changeEntry({ stats, path }: PinnedEntry, attributes: Attributes): void {
  assertNotProc(stats, path);
  if (attributes.size !== undefined && !stats.isFile())
    throw new FileSystemError(stats.isDirectory() ? "EISDIR" : "EINVAL");
  changeAt(path, attributes);
}

/** Makes a hard link, which fails if the new path exists. Returns false if the file system has no hard links. */
function linked(from: NativePath, to: NativePath): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === "EPERM" || code === "EOPNOTSUPP" || code === "ENOTSUP" || code === "ENOSYS" || code === "EMLINK")
      return false;
    throw error;
  }
}

/** Throws EBUSY for a directory that is named by "." or "/", which has no name of its own to remove or change. */
function own(path: NativePath, name: string): NativePath {
  if (name === ".") throw new FileSystemError("EBUSY");
  return path;
}

/** Returns whether O_NOFOLLOW met a symbolic link. FreeBSD reports EMLINK. */
function isLink(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ELOOP" || code === "EMLINK";
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
