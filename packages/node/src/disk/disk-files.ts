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
  type StatVfs,
  type UsersGroups,
} from "@nacre/files/server";
import { AccountNames } from "./accounts.ts";
import { assertRootKept, attributesOf, changeAt, changeLink, modeBits, statVfsAt } from "./attributes.ts";
import type { OpenRoot, PinnedEntry } from "./directory.ts";
import { DirectoryTree, FOLLOW, isRoot, type Place } from "./directory-tree.ts";
import { DiskDirectory } from "./disk-directory.ts";
import { DiskFile, type HandleContext, truncated } from "./disk-file.ts";
import { countClosed, countOpened } from "./handle-counts.ts";
import { busyAt, type FileId, removeName, storeBeforeReplacing } from "./long-file.ts";
import { type NativePath, nativePath, pathText } from "./native-path.ts";
import type { DiskFileSystemOptions } from "./options.ts";
import { assertNotProc, assertRegular } from "./regular-file.ts";
import { diskTurn } from "./turn-budget.ts";

const { O_RDONLY, O_WRONLY, O_RDWR, O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;

/** Files of a disk below a root, for `diskFileSystem`. */
export class DiskFiles implements Required<Omit<FileSystem, "usersGroups">> {
  /** Only for the whole system: a restricted client need not know the accounts. */
  readonly usersGroups?: NonNullable<FileSystem["usersGroups"]>;
  readonly #options: DiskFileSystemOptions;
  readonly #openRoot: OpenRoot;
  readonly #tree: DirectoryTree;
  readonly #accounts: AccountNames | undefined;
  readonly #context: HandleContext;

  /**
   * Serves the files for one login. `freesBuffers`: see `HandleContext`. `shared` has the directories and accounts of another login's.
   */
  constructor(
    options: DiskFileSystemOptions,
    openRoot: OpenRoot,
    freesBuffers = false,
    login = "",
    shared: { readonly tree: DirectoryTree; readonly accounts: AccountNames | undefined } = {
      tree: new DirectoryTree(options.root, options.startDirectory ?? "/", openRoot, diskTurn),
      accounts: options.root === "/" ? new AccountNames() : undefined,
    },
  ) {
    const { root, maxHandles = 4096 } = options;
    const { tree, accounts } = shared;
    this.#options = options;
    this.#openRoot = openRoot;
    this.#tree = tree;
    this.#accounts = accounts;
    this.#context = {
      login,
      turn: diskTurn,
      freesBuffers,
      settable: (attributes) => this.#settable(attributes),
      opened: () => countOpened(root, login, maxHandles),
      closed: () => countClosed(root, login),
    };
    if (accounts !== undefined)
      this.usersGroups = async (uids, gids): Promise<UsersGroups> => accounts.names(uids, gids);
  }

  forLogin(login: string): DiskFiles {
    const shared = { tree: this.#tree, accounts: this.#accounts };
    return new DiskFiles(this.#options, this.#openRoot, this.#context.freesBuffers, login, shared);
  }

  open(path: string, mode: OpenMode, { permissions = 0o666 }: Attributes): Promise<ServedFile> {
    const { write, append, create, truncate } = mode;
    const flags = openFlags(mode);
    const openAt = ({ directory, name, mustBeDirectory }: Place): DiskFile | typeof FOLLOW => {
      let descriptor: number;
      try {
        descriptor = openSync(directory.at(name), flags, this.#mode(permissions));
      } catch (error) {
        if (isLink(error)) return FOLLOW;
        // A FIFO without a reader, or a socket.
        throw codeOf(error) === "ENXIO" ? new FileSystemError("EACCES") : error;
      }
      try {
        const stats = assertRegular(descriptor);
        if (mustBeDirectory) throw new FileSystemError("ENOTDIR");
        return new DiskFile(descriptor, stats, this.#context, append);
      } catch (error) {
        closeSync(descriptor);
        throw error;
      }
    };
    const visit = (place: Place): DiskFile | Promise<DiskFile> | typeof FOLLOW => {
      if (place.mustBeDirectory && create) throw new FileSystemError("EISDIR");
      // Truncating a new file would make its first close slow.
      const isNew = create && lstatSync(place.directory.at(place.name), { throwIfNoEntry: false }) === undefined;
      const file = this.#counted(() => openAt(place));
      return truncate && !isNew && file !== FOLLOW ? truncated(file) : file;
    };
    return write || append || create || truncate ? this.#change(path, visit) : this.#visit(path, visit);
  }

  opendir(path: string): Promise<ServedDirectory> {
    const openAt = (place: Place): DiskDirectory | typeof FOLLOW => {
      const entered = place.directory.enter(place.name);
      if (entered === undefined) return FOLLOW;
      try {
        return new DiskDirectory(entered, isRoot(place), this.#context, this.#accounts);
      } catch (error) {
        entered.close();
        throw error;
      }
    };
    return this.#visit(path, (place) => this.#counted(() => openAt(place)));
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
        return this.#changeEntry(place, entry, attributes);
      }),
    );
  }

  lsetstat(path: string, attributes: Attributes): Promise<void> {
    return this.#change(path, (place) =>
      pinned(place, (entry) => {
        if (!entry.stats.isSymbolicLink()) return this.#changeEntry(place, entry, attributes);
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
    return this.#change(path, (place) => {
      const target = own(place);
      return removeName(this.#context.login, place, () => rmdirSync(target));
    });
  }

  remove(path: string): Promise<void> {
    return this.#change(path, (place) => {
      const target = own(place);
      if (place.mustBeDirectory) throw new FileSystemError(lstatSync(target).isDirectory() ? "EISDIR" : "ENOTDIR");
      return removeName(this.#context.login, place, () => unlinkSync(target));
    });
  }

  rename(oldPath: string, newPath: string): Promise<void> {
    return this.#changeTwo(oldPath, newPath, (from, to) => {
      // The file keeps its new name, so this frees nothing.
      if (lstatSync(from).isFile() && linked(from, to)) return unlinkSync(from);
      if (lstatSync(to, { throwIfNoEntry: false }) !== undefined) throw new FileSystemError("EEXIST");
      renameSync(from, to);
    });
  }

  posixRename(oldPath: string, newPath: string, stored?: FileId): Promise<void> {
    const { login } = this.#context;
    return this.#changeTwo(oldPath, newPath, (from, to, target) => {
      const storing = storeBeforeReplacing(login, { from, to, stored });
      // rule: sftp-disk-store-first
      if (storing !== undefined) return storing.ended.then(() => this.posixRename(oldPath, newPath, storing.file));
      return removeName(login, target, () => renameSync(from, to));
    });
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
      pinned(place, (entry) => (entry.stats.isSymbolicLink() ? FOLLOW : statVfsAt(entry.path, this.#options))),
    );
  }

  fstatfs(handle: ServedFile | ServedDirectory): Promise<StatVfs> {
    return diskTurn.run(this.#context.login, () => {
      if (handle instanceof DiskDirectory) return statVfsAt(handle.path, this.#options);
      if (handle instanceof DiskFile) return statVfsAt(handle.path, this.#options);
      throw new FileSystemError("EBADF");
    });
  }

  async homeDirectory(user: string, isLoggedIn: boolean): Promise<string> {
    // A user who logged in need not be an account of this system.
    const home = this.#accounts?.home(user) ?? (isLoggedIn ? (this.#options.startDirectory ?? "/") : undefined);
    if (home === undefined) throw new FileSystemError("ENOENT");
    return home;
  }

  #visit<T>(path: string, visit: (place: Place) => T | Promise<T> | typeof FOLLOW): Promise<T> {
    return this.#tree.visit(this.#context, path, visit);
  }

  /** Like `#visit`, for a call that changes something. */
  async #change<T>(path: string, visit: (place: Place) => T | Promise<T> | typeof FOLLOW): Promise<T> {
    this.#assertWritable();
    return this.#visit(path, (place) => {
      // rule: sftp-disk-busy-path
      const busy = busyAt(place.directory.at(place.name));
      return busy === undefined ? visit(place) : busy.then(() => this.#change(path, visit));
    });
  }

  /** Calls back with the paths for `node:fs` of two entries, whose links are not followed, and with the place of the second. */
  async #changeTwo(
    oldPath: string,
    newPath: string,
    change: (from: NativePath, to: NativePath, target: Place) => void | Promise<void>,
  ): Promise<void> {
    this.#assertWritable();
    return this.#tree.visitTwo(this.#context, [oldPath, newPath], (first, second) => {
      const from = own(first);
      const to = own(second);
      // rule: sftp-disk-busy-paths
      const busy = busyAt(from) ?? busyAt(to);
      if (busy !== undefined) return busy.then(() => this.#changeTwo(oldPath, newPath, change));
      if ((first.mustBeDirectory || second.mustBeDirectory) && !lstatSync(from).isDirectory())
        throw new FileSystemError("ENOTDIR");
      return change(from, to, second);
    });
  }

  /** Changes attributes of a pinned entry other than a symbolic link. */
  #changeEntry(place: Place, { stats, path }: PinnedEntry, attributes: Attributes): void | Promise<void> {
    assertNotProc(stats, path);
    // rule: sftp-disk-special-mode
    if (!stats.isFile() && !stats.isDirectory()) throw new FileSystemError("EACCES");
    if (attributes.size !== undefined && stats.isDirectory()) throw new FileSystemError("EISDIR");
    if (isRoot(place)) assertRootKept(attributes);
    const changes = this.#settable(attributes);
    if (changes.size === undefined) return changeAt(path, changes);
    const open = (): DiskFile => new DiskFile(openSync(path, O_WRONLY | O_NONBLOCK), stats, this.#context, false);
    const file = this.#counted(open);
    return file.change(changes).finally(() => file.close());
  }

  /** Counts what `open` opens. */
  #counted<T>(open: () => T): T {
    const { opened, closed } = this.#context;
    opened();
    let result: T | typeof FOLLOW = FOLLOW;
    try {
      result = open();
      return result;
    } finally {
      if (result === FOLLOW) closed();
    }
  }

  /** Throws EROFS if the file system is read-only. Every call that changes something passes here first. */
  #assertWritable(): void {
    // rule: sftp-disk-read-only
    if (this.#options.readOnly === true) throw new FileSystemError("EROFS");
  }

  #mode(permissions: number): number {
    return permissions & modeBits(this.#options.root) & ~(this.#options.umask ?? 0);
  }

  /** Returns what a client may set of some attributes. Throws EROFS if the file system is read-only. */
  #settable(attributes: Attributes): Attributes {
    this.#assertWritable();
    if (attributes.permissions === undefined) return attributes;
    return { ...attributes, permissions: attributes.permissions & modeBits(this.#options.root) };
  }
}

function openFlags({ read, write, append, create, truncate, exclusive }: OpenMode): number {
  // Without the right to write, a file cannot be truncated.
  let flags = write || append || truncate ? (read ? O_RDWR : O_WRONLY) : O_RDONLY;
  if (append) flags |= O_APPEND;
  if (create) flags |= O_CREAT;
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

/**
 * Returns the path for `node:fs` of a place. Throws EBUSY for a directory that is named by "." or "/", which has no name of its own to
 * remove or change.
 */
function own({ directory, name }: Place): NativePath {
  if (name === ".") throw new FileSystemError("EBUSY");
  return directory.at(name);
}

/** Returns whether O_NOFOLLOW met a symbolic link. FreeBSD reports EMLINK. */
function isLink(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ELOOP" || code === "EMLINK";
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
