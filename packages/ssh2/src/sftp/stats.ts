import type { Attributes } from "@nacre/sftp";

/** Bits of the file type in a mode, and their values. Those of `node:fs` lack some on Windows. */
const TYPE = {
  mask: 0o170000,
  socket: 0o140000,
  symbolicLink: 0o120000,
  file: 0o100000,
  blockDevice: 0o060000,
  directory: 0o040000,
  characterDevice: 0o020000,
  fifo: 0o010000,
};

/** Values of a new `Stats`. */
export interface StatsValues {
  readonly mode?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly size?: number | undefined;
  readonly atime?: number | undefined;
  readonly mtime?: number | undefined;
  readonly extended?: Readonly<Record<string, Buffer>> | undefined;
}

/** Attributes of a file. One that the server did not send is `undefined`. Times are in seconds. */
export class Stats {
  mode: number | undefined;
  uid: number | undefined;
  gid: number | undefined;
  size: number | undefined;
  atime: number | undefined;
  mtime: number | undefined;
  extended: Readonly<Record<string, Buffer>> | undefined;

  constructor(values: StatsValues = {}) {
    this.mode = values.mode;
    this.uid = values.uid;
    this.gid = values.gid;
    this.size = values.size;
    this.atime = values.atime;
    this.mtime = values.mtime;
    this.extended = values.extended;
  }

  isDirectory(): boolean {
    return hasType(this, TYPE.directory);
  }

  isFile(): boolean {
    return hasType(this, TYPE.file);
  }

  isBlockDevice(): boolean {
    return hasType(this, TYPE.blockDevice);
  }

  isCharacterDevice(): boolean {
    return hasType(this, TYPE.characterDevice);
  }

  isSymbolicLink(): boolean {
    return hasType(this, TYPE.symbolicLink);
  }

  isFIFO(): boolean {
    return hasType(this, TYPE.fifo);
  }

  isSocket(): boolean {
    return hasType(this, TYPE.socket);
  }
}

function hasType({ mode = 0 }: Stats, type: number): boolean {
  return (mode & TYPE.mask) === type;
}

/** Returns the `Stats` for attributes of the protocol. */
export function statsOf({ size, owner, permissions, times, extended }: Attributes): Stats {
  return new Stats({
    mode: permissions,
    uid: owner?.uid,
    gid: owner?.gid,
    size: size === undefined ? undefined : Number(size),
    atime: times?.atime,
    mtime: times?.mtime,
    extended:
      extended &&
      Object.fromEntries(extended.map(({ type, data }) => [Buffer.from(type).toString(), Buffer.from(data)])),
  });
}
