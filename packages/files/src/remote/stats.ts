import { type Attributes, decodePath, type NameEntry, type StatVfs } from "@nacre/sftp";
import { utf8DecodeLossy } from "@nacre/wire";

/** Bits of a mode that hold the type of the file (POSIX `S_IFMT`). */
const TYPE_BITS = 0o170_000;

const FILE_TYPES = {
  fifo: 0o010_000,
  characterDevice: 0o020_000,
  directory: 0o040_000,
  blockDevice: 0o060_000,
  file: 0o100_000,
  symbolicLink: 0o120_000,
  socket: 0o140_000,
} as const;

/** Answers what type a file has. All are false if the server does not state the type. */
abstract class FileType {
  readonly #type: number;

  constructor(mode: number | undefined) {
    this.#type = (mode ?? 0) & TYPE_BITS;
  }

  /** Whether it is a regular file. */
  isFile(): boolean {
    return this.#type === FILE_TYPES.file;
  }

  /** Whether it is a directory. */
  isDirectory(): boolean {
    return this.#type === FILE_TYPES.directory;
  }

  /** Whether it is a symbolic link. */
  isSymbolicLink(): boolean {
    return this.#type === FILE_TYPES.symbolicLink;
  }

  /** Whether it is a named pipe. */
  isFIFO(): boolean {
    return this.#type === FILE_TYPES.fifo;
  }

  /** Whether it is a Unix socket. */
  isSocket(): boolean {
    return this.#type === FILE_TYPES.socket;
  }

  /** Whether it is a block device. */
  isBlockDevice(): boolean {
    return this.#type === FILE_TYPES.blockDevice;
  }

  /** Whether it is a character device. */
  isCharacterDevice(): boolean {
    return this.#type === FILE_TYPES.characterDevice;
  }
}

/**
 * Attributes of a file, with the names of Node's `Stats`. SFTP version 3 has no inode, no number of links and no time of creation, and its
 * times are whole seconds.
 */
export class Stats<N extends number | bigint = number> extends FileType {
  /** Size in bytes; 0 if the server does not state it. A number is rounded above 2^53; pass `{ bigint: true }` for such files. */
  readonly size: N;
  /** File type and permission bits; 0 if the server does not state them. */
  readonly mode: N;
  /** User id of the owner; `undefined` if the server does not state it. */
  readonly uid: N | undefined;
  /** Group id; `undefined` if the server does not state it. */
  readonly gid: N | undefined;
  /** Time of the last access in milliseconds since 1970; `undefined` if the server does not state it. */
  readonly atimeMs: N | undefined;
  /** Time of the last change of the contents in milliseconds since 1970; `undefined` if the server does not state it. */
  readonly mtimeMs: N | undefined;

  /** `make` converts the numbers: `Number` or `BigInt`. */
  constructor({ size, permissions, owner, times }: Attributes, make: (value: number | bigint) => N) {
    super(permissions);
    this.size = make(size ?? 0);
    this.mode = make(permissions ?? 0);
    this.uid = owner && make(owner.uid);
    this.gid = owner && make(owner.gid);
    this.atimeMs = times && make(1000 * times.atime);
    this.mtimeMs = times && make(1000 * times.mtime);
  }

  /** Time of the last access. */
  get atime(): Date | undefined {
    return this.atimeMs === undefined ? undefined : new Date(Number(this.atimeMs));
  }

  /** Time of the last change of the contents. */
  get mtime(): Date | undefined {
    return this.mtimeMs === undefined ? undefined : new Date(Number(this.mtimeMs));
  }
}

/** An entry of a directory, with the names of Node's `Dirent`. Its type is that of a symbolic link itself, not of the link's target. */
export class Dirent extends FileType {
  /** Name, without the directory. Text from the server: escape it before display. */
  readonly name: string;
  /** Directory that was listed. */
  readonly parentPath: string;
  /** Attributes, as `lstat` returns them. Servers send them with each name. */
  readonly stats: Stats;
  /**
   * Number of hard links according to the line of `ls -l` that servers send with each name (`longname`); `undefined` if the line has
   * another form. Its form is not specified, but OpenSSH's is common.
   */
  readonly links: number | undefined;

  constructor({ filename, longname, attributes }: NameEntry, parentPath: string) {
    super(attributes.permissions);
    this.name = decodePath(filename);
    this.parentPath = parentPath;
    this.stats = new Stats(attributes, Number);
    this.links = linksOf(longname);
  }
}

/** Returns the number after the type and the permissions: `-rw-r--r--    1 alice …`. */
function linksOf(longname: Uint8Array): number | undefined {
  const start = utf8DecodeLossy(longname.subarray(0, LINE_START));
  const digits = /^[-a-z?][-rwxsStT]{9}[.+@]? +([0-9]{1,9}) /.exec(start)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Length in bytes of the beginning of a line that has the number of links. */
const LINE_START = 32;

/** Facts about a file system, with the names of Node's `StatFs`, and further ones of statvfs(3). Sizes are in blocks of `frsize` bytes. */
export interface StatFs<N extends number | bigint = number> {
  /** Preferred block size in bytes. */
  readonly bsize: N;
  /** Size in bytes of the blocks that are counted below. */
  readonly frsize: N;
  /** Number of blocks. */
  readonly blocks: N;
  /** Number of free blocks. */
  readonly bfree: N;
  /** Number of free blocks that an unprivileged user may use. */
  readonly bavail: N;
  /** Number of inodes. */
  readonly files: N;
  /** Number of free inodes. */
  readonly ffree: N;
  /** Maximum length of a name in bytes. */
  readonly namemax: N;
  /** Whether the file system is read-only. */
  readonly readOnly: boolean;
}

/** Converts the server's facts. `make` converts the numbers: `Number` or `BigInt`. */
export function statFs<N extends number | bigint>(facts: StatVfs, make: (value: bigint) => N): StatFs<N> {
  return {
    bsize: make(facts.bsize),
    frsize: make(facts.frsize),
    blocks: make(facts.blocks),
    bfree: make(facts.bfree),
    bavail: make(facts.bavail),
    files: make(facts.files),
    ffree: make(facts.ffree),
    namemax: make(facts.namemax),
    readOnly: (facts.flag & 1n) !== 0n,
  };
}
