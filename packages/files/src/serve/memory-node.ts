import type { Attributes } from "@nacre/sftp";
import type { MemorySpace } from "./memory-space.ts";

/** Type bits of a mode (POSIX `S_IFMT`). */
const TYPE_BITS = { file: 0o100_000, directory: 0o040_000, link: 0o120_000 } as const;

/** Settings for every new node. */
export interface NodeFacts {
  readonly permissions: number;
  readonly owner: { readonly uid: number; readonly gid: number };
  /** Current time in seconds. */
  readonly now: number;
}

/** A file, directory or symbolic link in memory. */
abstract class BaseNode {
  abstract readonly kind: keyof typeof TYPE_BITS;
  permissions: number;
  owner: { readonly uid: number; readonly gid: number };
  atime: number;
  mtime: number;

  constructor({ permissions, owner, now }: NodeFacts) {
    this.permissions = permissions & 0o7777;
    this.owner = owner;
    this.atime = now;
    this.mtime = now;
  }

  abstract get size(): number;

  get attributes(): Attributes {
    return {
      size: BigInt(this.size),
      owner: this.owner,
      permissions: TYPE_BITS[this.kind] | this.permissions,
      times: { atime: this.atime, mtime: this.mtime },
    };
  }

  /** Changes everything except the size. */
  change({ owner, permissions, times }: Attributes): void {
    if (owner !== undefined) this.owner = owner;
    if (permissions !== undefined) this.permissions = permissions & 0o7777;
    if (times !== undefined) {
      this.atime = times.atime;
      this.mtime = times.mtime;
    }
  }
}

/** A symbolic link. */
export class LinkNode extends BaseNode {
  readonly kind = "link";
  readonly target: string;

  constructor(target: string, facts: NodeFacts) {
    super(facts);
    this.target = target;
  }

  get size(): number {
    return this.target.length;
  }
}

/** A directory. */
export class DirectoryNode extends BaseNode {
  readonly kind = "directory";
  readonly entries: Map<string, MemoryNode> = new Map();

  get size(): number {
    return 0;
  }
}

/** A file. It exists until its last name is removed and its last handle is closed. */
export class FileNode extends BaseNode {
  readonly kind = "file";
  /** Number of names. */
  links = 0;
  /** Number of open handles. */
  opens = 0;
  readonly #space: MemorySpace;
  /** Buffer that begins with the contents; zeros follow. */
  #buffer = new Uint8Array(0);
  #size = 0;

  constructor(space: MemorySpace, facts: NodeFacts) {
    super(facts);
    this.#space = space;
  }

  get size(): number {
    return this.#size;
  }

  /** Returns a view of the contents. */
  read(offset: number, length: number): Uint8Array {
    return this.#buffer.subarray(Math.min(offset, this.#size), Math.min(offset + length, this.#size));
  }

  /** Writes bytes. Throws ENOSPC if the file would not fit. */
  write(offset: number, data: Uint8Array): void {
    if (offset + data.length > this.#size) this.resize(offset + data.length);
    this.#buffer.set(data, offset);
  }

  /** Truncates, or extends with zeros. Throws ENOSPC if the file would not fit. */
  resize(size: number): void {
    this.#space.changeBytes(size - this.#size);
    if (size > this.#buffer.length) {
      const buffer = new Uint8Array(Math.max(size, Math.min(2 * this.#buffer.length, this.#space.capacity)));
      buffer.set(this.#buffer.subarray(0, this.#size));
      this.#buffer = buffer;
    } else if (size < this.#size / 2) {
      this.#buffer = this.#buffer.slice(0, size);
    } else if (size < this.#size) {
      this.#buffer.fill(0, size, this.#size);
    }
    this.#size = size;
  }

  /** Frees the contents if the file has no name and no handle. */
  freeUnused(): void {
    if (this.links > 0 || this.opens > 0) return;
    this.resize(0);
    this.#space.changeFiles(-1);
  }
}

/** A file, directory or symbolic link. */
export type MemoryNode = FileNode | DirectoryNode | LinkNode;
