import { type Attributes, decodePath, encodePath, SSH_FX, SSH_FXF } from "@nacre/sftp";

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
  readonly root: MemoryNode = makeNode("directory", 0o755);

  constructor() {
    this.root.entries.set("home", makeNode("directory", 0o755));
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
    return this.#add(`/${names.join("/")}`, makeNode("file", mode & ~UMASK));
  }

  makeDirectory(path: string, mode = 0o777): void {
    this.#add(path, makeNode("directory", mode & ~UMASK));
  }

  symlink(target: string, path: string): void {
    const link = makeNode("link", 0o777);
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

  /** Walks along a path and collects the names of the real one. Returns `undefined` if only the last name does not exist. */
  #walk(path: string, follow: boolean, names: string[], depth = 0): MemoryNode | undefined {
    if (depth > 20) throw new Refusal(SSH_FX.FAILURE);
    const parts = (path.startsWith("/") ? path : `/home/${path}`)
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

function makeNode(kind: MemoryNode["kind"], mode: number): MemoryNode {
  return {
    kind,
    data: new Uint8Array(0),
    entries: new Map(),
    mode,
    uid: 1000,
    gid: 1000,
    atime: 1,
    mtime: 2,
    links: 1,
  };
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
