import {
  type Attributes,
  type CopyDataRequest,
  decodePath,
  encodePath,
  type SftpServer,
  type SftpServerEvent,
  type SftpServerRequest,
  SSH_FX,
  SSH_FXF,
} from "@nacre/sftp";
import type { AskToken } from "@nacre/wire";

/** A file, directory or symbolic link in memory. */
export interface MemoryNode {
  readonly kind: "file" | "directory" | "link";
  /** Contents of a file, or target of a link. */
  data: Uint8Array;
  /** Entries of a directory. */
  readonly entries: Map<string, MemoryNode>;
  mode: number;
  uid: number;
  gid: number;
  atime: number;
  mtime: number;
  /** Number of names. */
  links: number;
}

/** An open file or directory: the value that an `SftpServer` keeps for a handle. */
export interface OpenNode {
  readonly node: MemoryNode;
  readonly isAppend: boolean;
  /** Names of a directory that are not sent yet. */
  unsent: string[];
}

type Request = Extract<SftpServerEvent<OpenNode>, { readonly type: "request" }>;

/** Facts about new files, and the form of listings. */
export interface MemoryFilesOptions {
  /** Directory in which relative paths begin. */
  readonly home: "/home" | "";
  /** User and group id. */
  readonly owner: number;
  readonly atime: number;
  readonly mtime: number;
  /** Whether listings have "." and "..". */
  readonly listsDots: boolean;
  /** Returns the line of a listing. */
  readonly longname: (name: string, node: MemoryNode) => Uint8Array;
}

/** A refusal: the status of the reply. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number) {
    super(`status ${status}`);
    this.status = status;
  }
}

const TYPES = { file: 0o100_000, directory: 0o040_000, link: 0o120_000 } as const;
const UMASK = 0o022;

/** A small file system in memory, with the behaviour of POSIX that a client relies on. Paths are those of SFTP; the home is `/home`. */
export class MemoryFiles {
  readonly root: MemoryNode;
  /** Open files and directories of servers. Empty when each was closed or released. */
  readonly opened = new Set<OpenNode>();
  readonly #options: MemoryFilesOptions;

  constructor(options: Partial<MemoryFilesOptions> = {}) {
    this.#options = {
      home: "/home",
      owner: 1000,
      atime: 1,
      mtime: 2,
      listsDots: true,
      longname: longnameOf,
      ...options,
    };
    this.root = this.#make("directory", 0o755);
    if (this.#options.home === "/home") this.root.entries.set("home", this.#make("directory", 0o755));
  }

  /** Returns the absolute path without links. */
  realPath(path: string): string {
    const names: string[] = [];
    this.#walk(path, true, names);
    return `/${names.join("/")}`;
  }

  /** Returns the node of a path. Throws `Refusal` if it does not exist. */
  find(path: string, follow = true): MemoryNode {
    const node = this.#walk(path, follow, []);
    if (node === undefined) throw new Refusal(SSH_FX.NO_SUCH_FILE);
    return node;
  }

  /** Opens a file with flags of SSH_FXP_OPEN. */
  open(path: string, flags: number, mode = 0o666): MemoryNode {
    const names: string[] = [];
    const found = this.#walk(path, true, names);
    if (found !== undefined) {
      if (flags & SSH_FXF.EXCL || found.kind === "directory") throw new Refusal(SSH_FX.FAILURE);
      if (flags & SSH_FXF.TRUNC) found.data = new Uint8Array(0);
      return found;
    }
    if (!(flags & SSH_FXF.CREAT)) throw new Refusal(SSH_FX.NO_SUCH_FILE);
    return this.#add(`/${names.join("/")}`, this.#make("file", mode & ~UMASK));
  }

  makeDirectory(path: string, mode = 0o777): void {
    this.#add(path, this.#make("directory", mode & ~UMASK));
  }

  symlink(target: string, path: string): void {
    const link = this.#make("link", 0o777);
    link.data = encodePath(target);
    this.#add(path, link);
  }

  hardlink(from: string, to: string): void {
    this.#add(to, this.find(from, false)).links++;
  }

  /** Removes a file or link, or an empty directory. */
  remove(path: string, kind: "file" | "directory"): void {
    const node = this.find(path, false);
    if ((node.kind === "directory") !== (kind === "directory") || node.entries.size > 0)
      throw new Refusal(SSH_FX.FAILURE);
    const { parent, name } = this.#place(path);
    parent.entries.delete(name);
  }

  rename(from: string, to: string, replaces: boolean): void {
    const node = this.find(from, false);
    const target = this.#place(to);
    const existing = target.parent.entries.get(target.name);
    const isInTheWay = !replaces || (existing?.kind === "directory" && node.kind !== "directory");
    if (existing !== undefined && isInTheWay) throw new Refusal(SSH_FX.FAILURE);
    const source = this.#place(from);
    source.parent.entries.delete(source.name);
    target.parent.entries.set(target.name, node);
  }

  /** Answers a request. */
  answer(server: SftpServer<OpenNode>, { token, request }: Request): void {
    try {
      this.#perform(server, token, request);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      server.status(token, error.status);
    }
  }

  /** Handles an event of a server. */
  handle(server: SftpServer<OpenNode>, event: SftpServerEvent<OpenNode>): void {
    if (event.type === "release") this.opened.delete(event.handle);
    if (event.type === "request") this.answer(server, event);
  }

  #perform(server: SftpServer<OpenNode>, token: AskToken, request: SftpServerRequest<OpenNode>): void {
    const path = "path" in request ? decodePath(request.path) : "";
    switch (request.type) {
      case "open": {
        const node = this.open(path, request.flags, request.attributes.permissions);
        server.handle(token, this.#opened(node, (request.flags & SSH_FXF.APPEND) !== 0));
        return;
      }
      case "read": {
        const bytes = request.handle.node.data.subarray(request.offset, request.offset + request.length);
        if (bytes.length === 0) server.status(token, SSH_FX.EOF);
        else server.data(token, bytes);
        return;
      }
      case "write": {
        const { node, isAppend } = request.handle;
        writeAt(node, isAppend ? node.data.length : request.offset, request.data);
        break;
      }
      case "stat":
      case "lstat":
        server.attributes(token, attributesOf(this.find(path, request.type === "stat")));
        return;
      case "fstat":
        server.attributes(token, attributesOf(request.handle.node));
        return;
      case "setstat":
      case "lsetstat":
        setAttributes(this.find(path, request.type === "setstat"), request.attributes);
        break;
      case "fsetstat":
        setAttributes(request.handle.node, request.attributes);
        break;
      case "opendir": {
        const node = this.find(path);
        if (node.kind !== "directory") throw new Refusal(SSH_FX.FAILURE);
        server.handle(
          token,
          this.#opened(node, false, [...(this.#options.listsDots ? [".", ".."] : []), ...node.entries.keys()]),
        );
        return;
      }
      case "readdir": {
        const { node, unsent } = request.handle;
        const names = unsent.splice(0, 100);
        if (names.length === 0) server.status(token, SSH_FX.EOF);
        else
          server.names(
            token,
            names.map((name) => ({
              filename: encodePath(name),
              longname: this.#options.longname(name, node.entries.get(name) ?? node),
              attributes: attributesOf(node.entries.get(name) ?? node),
            })),
          );
        return;
      }
      case "remove":
      case "rmdir":
        this.remove(path, request.type === "remove" ? "file" : "directory");
        break;
      case "mkdir":
        this.makeDirectory(path, request.attributes.permissions);
        break;
      case "realpath":
      case "expand-path":
        server.name(token, encodePath(this.realPath(path)));
        return;
      case "rename":
      case "posix-rename":
        this.rename(decodePath(request.oldPath), decodePath(request.newPath), request.type === "posix-rename");
        break;
      case "readlink": {
        const node = this.find(path, false);
        if (node.kind !== "link") throw new Refusal(SSH_FX.FAILURE);
        server.name(token, node.data);
        return;
      }
      case "symlink":
        this.symlink(decodePath(request.targetPath), decodePath(request.linkPath));
        break;
      case "hardlink":
        this.hardlink(decodePath(request.oldPath), decodePath(request.newPath));
        break;
      case "statvfs":
      case "fstatvfs":
        server.statvfs(token, STATVFS);
        return;
      case "copy-data":
        writeAt(request.writeHandle.node, request.writeOffset, copied(request));
        break;
      case "close":
        this.opened.delete(request.handle);
        break;
      case "fsync":
        break;
      case "home-directory":
        server.name(token, encodePath(`/home/${request.userName}`));
        return;
      case "users-groups-by-id":
        server.usersGroups(token, { users: namesOf(request.uids), groups: namesOf(request.gids) });
        return;
      case "extended":
        server.extended(token, request.data);
        return;
    }
    server.status(token, SSH_FX.OK);
  }

  #opened(node: MemoryNode, isAppend: boolean, unsent: string[] = []): OpenNode {
    const open = { node, isAppend, unsent };
    this.opened.add(open);
    return open;
  }

  #make(kind: MemoryNode["kind"], mode: number): MemoryNode {
    const { owner, atime, mtime } = this.#options;
    const data = new Uint8Array(0);
    return { kind, data, entries: new Map(), mode, uid: owner, gid: owner, atime, mtime, links: 1 };
  }

  /** Walks along a path and collects the names of the real one. Returns `undefined` if only the last name does not exist. */
  #walk(path: string, follow: boolean, names: string[], depth = 0): MemoryNode | undefined {
    if (depth > 20) throw new Refusal(SSH_FX.FAILURE);
    const parts = (path.startsWith("/") ? path : `${this.#options.home}/${path}`)
      .split("/")
      .filter((part) => part !== "" && part !== ".");
    let node: MemoryNode | undefined = this.root;
    names.length = 0;
    for (const [index, part] of parts.entries()) {
      if (node === undefined) throw new Refusal(SSH_FX.NO_SUCH_FILE);
      if (node.kind !== "directory") throw new Refusal(SSH_FX.FAILURE);
      if (part === "..") {
        names.pop();
        node = this.#walk(`/${names.join("/")}`, true, []);
        continue;
      }
      const next: MemoryNode | undefined = node.entries.get(part);
      if (next?.kind === "link" && (follow || index < parts.length - 1)) {
        const target = decodePath(next.data);
        node = this.#walk(target.startsWith("/") ? target : `/${[...names, target].join("/")}`, true, names, depth + 1);
      } else {
        names.push(part);
        node = next;
      }
    }
    return node;
  }

  #add(path: string, node: MemoryNode): MemoryNode {
    const { parent, name } = this.#place(path);
    if (parent.entries.has(name)) throw new Refusal(SSH_FX.FAILURE);
    parent.entries.set(name, node);
    return node;
  }

  /** Returns the directory and the name of a path. */
  #place(path: string): { readonly parent: MemoryNode; readonly name: string } {
    const slash = path.lastIndexOf("/");
    const parent = this.find(slash < 0 ? "" : path.slice(0, slash + 1));
    if (parent.kind !== "directory") throw new Refusal(SSH_FX.FAILURE);
    return { parent, name: path.slice(slash + 1) };
  }
}

/** Returns the attributes of a node. */
export function attributesOf(node: MemoryNode): Attributes {
  return {
    size: BigInt(node.data.length),
    owner: { uid: node.uid, gid: node.gid },
    permissions: TYPES[node.kind] | node.mode,
    times: { atime: node.atime, mtime: node.mtime },
  };
}

/** Changes the given attributes of a node. */
export function setAttributes(node: MemoryNode, { size, owner, permissions, times }: Attributes): void {
  if (size !== undefined) node.data = resized(node.data, Number(size));
  if (permissions !== undefined) node.mode = permissions & 0o7777;
  if (owner !== undefined) Object.assign(node, owner);
  if (times !== undefined) Object.assign(node, times);
}

/** Writes bytes into a file, which grows as needed. */
export function writeAt(node: MemoryNode, offset: number, bytes: Uint8Array): void {
  if (offset + bytes.length > node.data.length) node.data = resized(node.data, offset + bytes.length);
  node.data.set(bytes, offset);
}

function resized(bytes: Uint8Array, length: number): Uint8Array {
  const changed = new Uint8Array(length);
  changed.set(bytes.subarray(0, length));
  return changed;
}

/** Returns the name of each id; only 0 has one. */
function namesOf(ids: readonly number[]): string[] {
  return ids.map((id) => (id === 0 ? "root" : ""));
}

function copied({ readHandle, readOffset, length }: CopyDataRequest<OpenNode>): Uint8Array {
  const { data } = readHandle.node;
  return data.slice(readOffset, length === 0 ? data.length : readOffset + length);
}

/** Returns the beginning of a line of OpenSSH's listing. Only the number of links is exact. */
function longnameOf(name: string, { links }: MemoryNode): Uint8Array<ArrayBuffer> {
  return encodePath(`-rw-r--r--    ${links} alice    users           1 Jan  1  1970 ${name}`);
}

/** Facts about the file system of each server. */
const STATVFS = {
  bsize: 4096n,
  frsize: 4096n,
  blocks: 1000n,
  bfree: 500n,
  bavail: 400n,
  files: 100n,
  ffree: 50n,
  favail: 40n,
  fsid: 2n ** 63n,
  flag: 2n,
  namemax: 255n,
};
