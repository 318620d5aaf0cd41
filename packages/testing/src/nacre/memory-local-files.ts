import type {
  LocalAttributes,
  LocalDirectory,
  LocalEntry,
  LocalFiles,
  LocalPartial,
  LocalReader,
  LocalStats,
  LocalWriter,
} from "@nacre/files";
import { decodePath, SSH_FXF } from "@nacre/sftp";
import { SshError } from "@nacre/wire";
import { MemoryFiles, type MemoryNode, Refusal, writeAt } from "../sftp/memory-files.ts";

/** User id of this side. */
const UID = 1000;

/** The local side of transfers, in memory. Counts what is open, so that tests can check that all is closed. */
export class MemoryLocalFiles implements LocalFiles {
  readonly files: MemoryFiles = new MemoryFiles();
  readonly nameRules: "posix" | "windows";
  /** Number of open files. */
  openCount = 0;
  /** Number of bytes after which every write fails, as on a full disk. */
  capacity: number = Number.POSITIVE_INFINITY;

  constructor(nameRules: "posix" | "windows" = "posix") {
    this.nameRules = nameRules;
  }

  join(directory: string, name: string): string {
    return `${directory}/${name}`;
  }

  split(path: string): { readonly directory: string; readonly name: string } {
    const slash = path.lastIndexOf("/");
    return { directory: path.slice(0, slash), name: path.slice(slash + 1) };
  }

  async stat(path: string): Promise<LocalStats> {
    return statsOf(this.#do(path, () => this.files.find(path)));
  }

  async lstat(path: string): Promise<LocalStats> {
    return statsOf(this.#do(path, () => this.files.find(path, false)));
  }

  async realpath(path: string): Promise<string> {
    return this.#do(path, () => this.files.realPath(path));
  }

  async *list(path: string): AsyncGenerator<LocalEntry, void> {
    for (const [name, node] of this.#do(path, () => this.files.find(path)).entries) yield { ...statsOf(node), name };
  }

  async open(path: string, follow: boolean): Promise<LocalReader> {
    const node = this.#do(path, () => this.files.find(path, follow));
    if (node.kind !== "file") throw new SshError("file-unreadable", `${path} is not a regular file`);
    return { read: (buffer, position) => read(node, buffer, position), close: this.#opened() };
  }

  async create(path: string, mode: number | undefined): Promise<LocalWriter> {
    const node = this.#do(path, () => {
      // Like O_EXCL, which does not follow links.
      if (this.#has(path)) throw new Refusal(4);
      return this.files.open(path, SSH_FXF.CREAT | SSH_FXF.EXCL | SSH_FXF.WRITE, mode);
    });
    return this.#writer(path, node);
  }

  async openPartial(path: string): Promise<LocalPartial | undefined> {
    const node = this.#do(path, () => this.files.find(path, false));
    if (node.kind !== "file" || node.uid !== UID || node.links !== 1) return undefined;
    return {
      size: node.data.length,
      read: (buffer, position) => read(node, buffer, position),
      ...this.#writer(path, node),
    };
  }

  async removeDirectory(path: string): Promise<void> {
    this.#do(path, () => this.files.remove(path, "directory"));
  }

  /** Holds nothing, but checks what it opens, and counts it. */
  async holdDirectory(path: string, follow: boolean): Promise<LocalDirectory> {
    const { kind } = this.#do(path, () => this.files.find(path, follow));
    if (kind !== "directory") throw new SshError("file-unwritable", `${path} is not a directory`);
    return { path, close: this.#opened() };
  }

  #writer(path: string, node: MemoryNode): LocalWriter {
    const write = async (pieces: readonly Uint8Array[], position: number): Promise<void> => {
      let at = position;
      for (const piece of pieces) {
        this.capacity -= piece.length;
        if (this.capacity < 0) throw new SshError("file-unwritable", `cannot write ${path}: the disk is full`);
        writeAt(node, at, piece);
        at += piece.length;
      }
    };
    return {
      write,
      setAttributes: async (attributes) => setAttributes(node, attributes),
      close: this.#opened(),
    };
  }

  async rename(from: string, to: string): Promise<void> {
    this.#do(to, () => {
      if (this.#has(to) && this.files.find(to, false).kind === "directory") throw new Refusal(4);
      this.files.rename(from, to, true);
    });
  }

  async remove(path: string): Promise<void> {
    if (this.#has(path)) this.#do(path, () => this.files.remove(path, "file"));
  }

  async makeDirectory(path: string, mode: number | undefined): Promise<boolean> {
    if (this.#has(path)) return false;
    this.#do(path, () => this.files.makeDirectory(path, mode));
    return true;
  }

  async setAttributes(path: string, attributes: LocalAttributes): Promise<void> {
    setAttributes(
      this.#do(path, () => this.files.find(path, false)),
      attributes,
    );
  }

  async readlink(path: string): Promise<string> {
    return decodePath(this.#do(path, () => this.files.find(path, false)).data);
  }

  async symlink(target: string, path: string): Promise<void> {
    this.#do(path, () => this.files.symlink(target, path));
  }

  /** Returns every path below a directory, sorted: a directory with "/" at its end, a link with its target, a file with its text. */
  tree(path: string, prefix = ""): string[] {
    return [...this.files.find(path, false).entries]
      .flatMap(([name, node]) => {
        if (node.kind === "directory")
          return [`${prefix}${name}/`, ...this.tree(`${path}/${name}`, `${prefix}${name}/`)];
        const text = decodePath(node.data.subarray(0, 40));
        return [`${prefix}${name}${node.kind === "link" ? " -> " : ": "}${text}`];
      })
      .sort();
  }

  #has(path: string): boolean {
    try {
      this.files.find(path, false);
      return true;
    } catch {
      return false;
    }
  }

  #opened(): () => Promise<void> {
    this.openCount++;
    return async () => void this.openCount--;
  }

  #do<T>(path: string, work: () => T): T {
    try {
      return work();
    } catch (cause) {
      if (!(cause instanceof Refusal)) throw cause;
      throw new SshError("file-unwritable", `${path}: ${cause.message}`, { cause });
    }
  }
}

async function read({ data }: MemoryNode, buffer: Uint8Array, position: number): Promise<number> {
  const bytes = data.subarray(position, position + buffer.length);
  buffer.set(bytes);
  return bytes.length;
}

function statsOf({ kind, data, mode, atime, mtime }: MemoryNode): LocalStats {
  return { type: kind, size: data.length, mode, atimeMs: 1000 * atime, mtimeMs: 1000 * mtime };
}

function setAttributes(node: MemoryNode, { mode, times }: LocalAttributes): void {
  if (mode !== undefined) node.mode = mode;
  if (times !== undefined) Object.assign(node, { atime: times.atimeMs / 1000, mtime: times.mtimeMs / 1000 });
}
