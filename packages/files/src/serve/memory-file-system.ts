import { type Attributes, encodePath, type StatVfs } from "@nacre/sftp";
import { checkOptions, type OptionRows, usage } from "nacre/extend";
import { FileSystemError } from "./file-error.ts";
import type { DirectoryEntry, FileSystem, OpenMode, ServedDirectory, ServedFile } from "./file-system.ts";
import { DirectoryNode, FileNode, LinkNode, type MemoryNode, type NodeFacts } from "./memory-node.ts";
import { MAX_NAME_LENGTH, MemorySpace } from "./memory-space.ts";
import { findPlace, type Place } from "./memory-walk.ts";

/** Options of `memoryFileSystem`. */
export interface MemoryFileSystemOptions {
  /** Maximum number of bytes in all files; above it, writes fail with ENOSPC. Default 64 MiB. */
  readonly capacity?: number | undefined;
  /** Maximum number of files, directories and symbolic links; default 100,000. */
  readonly maxFiles?: number | undefined;
  /** Permission bits that new files and directories do not get; default 0o022. */
  readonly umask?: number | undefined;
  /** User id of new files; default 0. */
  readonly uid?: number | undefined;
  /** Group id of new files; default 0. */
  readonly gid?: number | undefined;
}

const OPTIONS: OptionRows<MemoryFileSystemOptions> = {
  capacity: true,
  maxFiles: true,
  umask: true,
  uid: true,
  gid: true,
};

/** A file system in memory. It has every method of `FileSystem` except those for the names of users and groups. */
export type MemoryFileSystem = Required<Omit<FileSystem, "forLogin" | "usersGroups" | "homeDirectory">>;

/**
 * Makes an empty file system in memory, for any runtime: files, directories, symbolic and hard links, modes, owners and times. A file that
 * is removed while it is open stays readable until its last handle is closed. Relative paths start at "/". Modes are stored and not
 * enforced. Several servers may serve it at the same time. Throws `usage` for an invalid option.
 */
export function memoryFileSystem(options: MemoryFileSystemOptions = {}): MemoryFileSystem {
  checkOptions(options, OPTIONS, "`memoryFileSystem`");
  for (const [name, value] of Object.entries(options) as [string, number | undefined][])
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0))
      throw usage(`\`${name}\` must be an integer from 0, got ${String(value)}`);
  return new MemoryFiles(options);
}

/** Number of entries in one batch of a listing. */
const BATCH = 256;

class MemoryFiles implements MemoryFileSystem {
  readonly #space: MemorySpace;
  readonly #umask: number;
  readonly #owner: { readonly uid: number; readonly gid: number };
  readonly #root: DirectoryNode;

  constructor({
    capacity = 64 * 1024 * 1024,
    maxFiles = 100_000,
    umask = 0o022,
    uid = 0,
    gid = 0,
  }: MemoryFileSystemOptions) {
    this.#space = new MemorySpace(capacity, maxFiles);
    this.#umask = umask;
    this.#owner = { uid, gid };
    this.#root = new DirectoryNode(this.#facts(0o777));
  }

  async open(path: string, mode: OpenMode, { permissions = 0o666 }: Attributes): Promise<ServedFile> {
    // O_EXCL does not follow a link in the last place, so a link to nothing counts as existing.
    const place = this.#find(path, !mode.exclusive);
    let { node } = place;
    if (node === undefined) {
      if (!mode.create) throw new FileSystemError("ENOENT");
      node = this.#addFile(place, permissions);
    } else if (mode.exclusive) throw new FileSystemError("EEXIST");
    if (node.kind === "directory") throw new FileSystemError("EISDIR");
    if (node.kind === "link") throw new FileSystemError("ELOOP");
    if (mode.truncate && node.size > 0) {
      node.resize(0);
      node.mtime = seconds();
    }
    return new MemoryFile(node, mode.append);
  }

  async opendir(path: string): Promise<ServedDirectory> {
    const node = this.#existing(path);
    if (node.kind !== "directory") throw new FileSystemError("ENOTDIR");
    return new MemoryDirectory(node);
  }

  async stat(path: string): Promise<Attributes> {
    return this.#existing(path).attributes;
  }

  async lstat(path: string): Promise<Attributes> {
    return this.#existing(path, false).attributes;
  }

  async realpath(path: string): Promise<string> {
    const { parents, name } = this.#find(path);
    const names = parents.slice(1).map((parent) => parent.name);
    if (name !== "") names.push(name);
    return `/${names.join("/")}`;
  }

  async setstat(path: string, attributes: Attributes): Promise<void> {
    change(this.#existing(path), attributes);
  }

  async lsetstat(path: string, attributes: Attributes): Promise<void> {
    change(this.#existing(path, false), attributes);
  }

  async mkdir(path: string, { permissions = 0o777 }: Attributes): Promise<void> {
    const place = this.#find(path, false);
    this.#add(place, () => new DirectoryNode(this.#facts(permissions)));
  }

  async rmdir(path: string): Promise<void> {
    const place = this.#find(path, false);
    const { node } = place;
    if (node === undefined) throw new FileSystemError("ENOENT");
    if (node.kind !== "directory") throw new FileSystemError("ENOTDIR");
    if (node === this.#root) throw new FileSystemError("EBUSY");
    if (node.entries.size > 0) throw new FileSystemError("ENOTEMPTY");
    this.#remove(place, node);
  }

  async remove(path: string): Promise<void> {
    const place = this.#find(path, false);
    const { node } = place;
    if (node === undefined) throw new FileSystemError("ENOENT");
    if (node.kind === "directory") throw new FileSystemError("EISDIR");
    if (place.mustBeDirectory) throw new FileSystemError("ENOTDIR");
    this.#remove(place, node);
  }

  async rename(oldPath: string, newPath: string): Promise<void> {
    if (this.#find(newPath, false).node !== undefined) throw new FileSystemError("EEXIST");
    this.#move(oldPath, newPath);
  }

  async posixRename(oldPath: string, newPath: string): Promise<void> {
    this.#move(oldPath, newPath);
  }

  async link(oldPath: string, newPath: string): Promise<void> {
    const node = this.#existing(oldPath, false);
    // As on Linux, a directory has one name. A symbolic link needs no second one either.
    if (node.kind !== "file") throw new FileSystemError("EPERM");
    const place = this.#find(newPath, false);
    if (place.node !== undefined) throw new FileSystemError("EEXIST");
    if (place.mustBeDirectory) throw new FileSystemError("ENOENT");
    this.#put(place, node);
    node.links++;
  }

  async symlink(target: string, path: string): Promise<void> {
    if (target === "") throw new FileSystemError("ENOENT");
    const place = this.#find(path, false);
    if (place.node === undefined && place.mustBeDirectory) throw new FileSystemError("ENOENT");
    this.#add(place, () => new LinkNode(target, this.#facts(0o777, 0)));
  }

  async readlink(path: string): Promise<string> {
    const node = this.#existing(path, false);
    if (node.kind !== "link") throw new FileSystemError("EINVAL");
    return node.target;
  }

  async fsync(): Promise<void> {}

  async statfs(path: string): Promise<StatVfs> {
    this.#existing(path);
    return this.#space.facts;
  }

  async fstatfs(): Promise<StatVfs> {
    return this.#space.facts;
  }

  #facts(permissions: number, umask = this.#umask): NodeFacts {
    return { permissions: permissions & ~umask, owner: this.#owner, now: seconds() };
  }

  #find(path: string, follow = true): Place {
    return findPlace(this.#root, path, follow);
  }

  #existing(path: string, follow = true): MemoryNode {
    const { node } = this.#find(path, follow);
    if (node === undefined) throw new FileSystemError("ENOENT");
    return node;
  }

  #addFile(place: Place, permissions: number): FileNode {
    if (place.mustBeDirectory) throw new FileSystemError("EISDIR");
    const file = new FileNode(this.#space, this.#facts(permissions));
    this.#add(place, () => file);
    file.links = 1;
    return file;
  }

  #add(place: Place, make: () => MemoryNode): void {
    if (place.node !== undefined) throw new FileSystemError("EEXIST");
    if (encodePath(place.name).length > MAX_NAME_LENGTH) throw new FileSystemError("ENAMETOOLONG");
    this.#space.changeFiles(1);
    this.#put(place, make());
  }

  /** Sets an entry of a directory. */
  #put({ parents, name }: Place, node: MemoryNode): void {
    if (encodePath(name).length > MAX_NAME_LENGTH) throw new FileSystemError("ENAMETOOLONG");
    const { node: parent } = parents.at(-1)!;
    parent.entries.set(name, node);
    parent.mtime = seconds();
  }

  #remove(place: Place, node: MemoryNode): void {
    const { node: parent } = place.parents.at(-1)!;
    parent.entries.delete(place.name);
    parent.mtime = seconds();
    this.#unlinked(node);
  }

  /** Handles the loss of a name. */
  #unlinked(node: MemoryNode): void {
    if (node.kind !== "file") return this.#space.changeFiles(-1);
    node.links--;
    node.freeUnused();
  }

  #move(oldPath: string, newPath: string): void {
    const from = this.#find(oldPath, false);
    const to = this.#find(newPath, false);
    const { node } = from;
    if (node === undefined) throw new FileSystemError("ENOENT");
    if (node === this.#root || to.node === this.#root) throw new FileSystemError("EBUSY");
    // Two names of one file: POSIX leaves both.
    if (to.node === node) return;
    if (node.kind === "directory") {
      if (to.parents.some((parent) => parent.node === node)) throw new FileSystemError("EINVAL");
      if (to.node !== undefined && to.node.kind !== "directory") throw new FileSystemError("ENOTDIR");
      if (to.node !== undefined && to.node.entries.size > 0) throw new FileSystemError("ENOTEMPTY");
    } else {
      if (to.node?.kind === "directory") throw new FileSystemError("EISDIR");
      if (from.mustBeDirectory || to.mustBeDirectory) throw new FileSystemError("ENOTDIR");
    }
    this.#put(to, node);
    if (to.node !== undefined) this.#unlinked(to.node);
    const { node: parent } = from.parents.at(-1)!;
    parent.entries.delete(from.name);
    parent.mtime = seconds();
  }
}

/** An open file. */
class MemoryFile implements ServedFile {
  readonly #node: FileNode;
  readonly #appends: boolean;

  constructor(node: FileNode, appends: boolean) {
    this.#node = node;
    this.#appends = appends;
    node.opens++;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    this.#node.atime = seconds();
    return this.#node.read(offset, length);
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    this.#node.write(this.#appends ? this.#node.size : offset, data);
    this.#node.mtime = seconds();
  }

  async stat(): Promise<Attributes> {
    return this.#node.attributes;
  }

  async setstat(attributes: Attributes): Promise<void> {
    change(this.#node, attributes);
  }

  async close(): Promise<void> {
    this.#node.opens--;
    this.#node.freeUnused();
  }
}

/** An open directory. */
class MemoryDirectory implements ServedDirectory {
  readonly #node: DirectoryNode;
  /** Names that are not returned yet, as they were when the directory was opened. */
  readonly #names: string[];

  constructor(node: DirectoryNode) {
    this.#node = node;
    this.#names = [...node.entries.keys()].toReversed();
  }

  async read(): Promise<readonly DirectoryEntry[]> {
    const batch: DirectoryEntry[] = [];
    while (batch.length < BATCH) {
      const name = this.#names.pop();
      if (name === undefined) break;
      const node = this.#node.entries.get(name);
      // The entry may have been removed meanwhile.
      if (node !== undefined)
        batch.push({ name, attributes: node.attributes, links: node.kind === "file" ? node.links : 1 });
    }
    return batch;
  }

  async stat(): Promise<Attributes> {
    return this.#node.attributes;
  }

  async setstat(attributes: Attributes): Promise<void> {
    change(this.#node, attributes);
  }

  async close(): Promise<void> {}
}

function change(node: MemoryNode, attributes: Attributes): void {
  if (attributes.size !== undefined) {
    if (node.kind === "directory") throw new FileSystemError("EISDIR");
    if (node.kind === "link") throw new FileSystemError("EINVAL");
    // A size beyond the exact numbers is beyond every capacity, too.
    node.resize(Number(attributes.size));
    node.mtime = seconds();
  }
  node.change(attributes);
}

function seconds(): number {
  return Math.floor(Date.now() / 1000);
}
