import { SshError } from "@nacre/wire";
import { type CallContext, throwIfAborted } from "../../channel/call.ts";
import { type Chunk, lengthOf, piecesOf } from "../../local/chunk.ts";
import type {
  LocalDirectory,
  LocalEntry,
  LocalFiles,
  LocalPartial,
  LocalStats,
  LocalWriter,
} from "../../local/local-files.ts";
import { nameProblem, shownPath, temporaryName, WrittenNames } from "../../local/names.ts";
import { notDirectory } from "../../local/not-directory.ts";
import { refuseSpecial } from "../../local/special.ts";
import { globBelow } from "../../remote/glob.ts";
import type {
  NewAttributes,
  NewDirectory,
  PartialFile,
  PartialFiles,
  ReadOptions,
  SourceMatch,
  SourceTree,
  TargetTree,
} from "./trees.ts";

/**
 * Length in bytes of the buffers for reading files: the longest write that OpenSSH accepts. A longer buffer would be sent in parts, and
 * would be evicted from the processor's cache sooner.
 */
const BUFFER_LENGTH = 255 * 1024;

/** Files of at least this many bytes are read with a reused buffer. A shorter file gets a buffer of its own length. */
const REUSED_FROM = 64 * 1024;

/** Length in bytes of the memory that is allocated at once for short files. */
const SHORT_MEMORY = 128 * 1024;

/** Reads local files for an upload. Reuses its buffers. */
export class LocalSource implements SourceTree {
  readonly #files: LocalFiles;
  readonly #buffers: Uint8Array[] = [];
  /** Memory for the next short files. */
  #shortMemory = new Uint8Array(0);

  constructor(files: LocalFiles) {
    this.#files = files;
  }

  show(path: string): string {
    return shownPath(path, this.#files.nameRules);
  }

  join(directory: string, name: string): string {
    return this.#files.join(directory, name);
  }

  stat(path: string): Promise<LocalStats> {
    return this.#files.stat(path);
  }

  lstat(path: string): Promise<LocalStats> {
    return this.#files.lstat(path);
  }

  realpath(path: string): Promise<string> {
    return this.#files.realpath(path);
  }

  list(path: string): AsyncIterable<LocalEntry> {
    return this.#files.list(path);
  }

  async *glob(directory: string, pattern: string): AsyncGenerator<SourceMatch, void> {
    const files = this.#files;
    const pathOf = (path: string): string =>
      path === "" ? directory : path.split("/").reduce((parent, name) => files.join(parent, name), directory);
    const list = async (path: string): Promise<LocalEntry[]> => {
      const entries: LocalEntry[] = [];
      for await (const entry of files.list(pathOf(path))) entries.push(entry);
      return entries;
    };
    const found = globBelow(pattern, {
      list: (path) => list(path).catch(noneIfUnreadable),
      has: (path) =>
        files.lstat(pathOf(path)).then(
          () => true,
          (error: unknown) => noneIfUnreadable(error).length > 0,
        ),
    });
    for await (const { path, entry } of found) yield { path, stats: entry };
  }

  async *read(
    path: string,
    { start, size, follow, bucket }: ReadOptions,
    context: CallContext,
  ): AsyncGenerator<Uint8Array, void> {
    const file = await this.#files.open(path, follow);
    try {
      const length = Math.max(0, size - start);
      // With one byte more, the first read finds the end of the file.
      let memory = length < REUSED_FROM ? new Uint8Array(length + 1) : this.#takeBuffer();
      for (let position = start; ; ) {
        throwIfAborted(context);
        const buffer = bucket === undefined ? memory : memory.subarray(0, bucket.piece);
        const count = await file.read(buffer, position);
        if (count > 0) {
          await bucket?.take(count, context.signal);
          throwIfAborted(context);
          yield buffer.subarray(0, count);
        }
        position += count;
        // A file that is longer than it states, as those of /proc are, may give fewer bytes than fit before its end.
        if (count === 0 || (count < buffer.length && position === size)) break;
        if (position > size && memory.length < BUFFER_LENGTH) memory = this.#takeBuffer();
      }
      if (memory.length === BUFFER_LENGTH) this.#buffers.push(memory);
    } finally {
      await file.close();
    }
  }

  async readShort(path: string, size: number, follow: boolean): Promise<Uint8Array | undefined> {
    const file = await this.#files.open(path, follow);
    try {
      // One byte more shows whether the file has grown.
      const buffer = this.#takeShort(size + 1);
      return (await file.read(buffer, 0)) === size ? buffer.subarray(0, size) : undefined;
    } finally {
      await file.close();
    }
  }

  readlink(path: string): Promise<string> {
    return this.#files.readlink(path);
  }

  #takeBuffer(): Uint8Array {
    return this.#buffers.pop() ?? new Uint8Array(BUFFER_LENGTH);
  }

  /** Returns memory that nothing else uses. An array for each file would take as long as reading 4 KiB. */
  #takeShort(length: number): Uint8Array {
    if (this.#shortMemory.length < length) this.#shortMemory = new Uint8Array(Math.max(length, SHORT_MEMORY));
    const memory = this.#shortMemory.subarray(0, length);
    this.#shortMemory = this.#shortMemory.subarray(length);
    return memory;
  }
}

/** Directories that cannot be read match nothing. */
function noneIfUnreadable(error: unknown): never[] {
  if (error instanceof SshError) return [];
  throw error;
}

/** Writes local files for a download. Nothing is written outside the directory of the transfer. */
export class LocalTarget implements TargetTree {
  readonly partials: PartialFiles | undefined;
  readonly hold?: (path: string, follow: boolean) => Promise<LocalDirectory>;
  readonly #files: LocalFiles;
  /** Names written in each directory of the transfer; on Windows two that differ only in case are the same. */
  readonly #written = new WeakMap<object, WrittenNames>();

  constructor(files: LocalFiles) {
    this.#files = files;
    if (files.openPartial !== undefined) this.partials = localPartials(files, (path) => files.openPartial!(path));
    // rule: transfer-hold
    if (files.holdDirectory !== undefined) this.hold = (path, follow) => files.holdDirectory!(path, follow);
  }

  get removesDirectories(): boolean {
    return this.#files.removeDirectory !== undefined;
  }

  join(directory: string, name: string): string {
    return this.#files.join(directory, name);
  }

  split(path: string): { readonly directory: string; readonly name: string } {
    return this.#files.split(path);
  }

  nameProblem(name: string, directory?: object): string | undefined {
    const { nameRules } = this.#files;
    const problem = nameProblem(name, nameRules);
    if (problem !== undefined || directory === undefined || nameRules !== "windows") return problem;
    const written = this.#written.get(directory) ?? new WrittenNames();
    this.#written.set(directory, written);
    return written.problem(name);
  }

  refuseSpecial(path: string, { call }: CallContext): Promise<void> {
    return refuseSpecial(this.#files, path, call);
  }

  lstat(path: string): Promise<LocalStats> {
    return this.#files.lstat(path);
  }

  list(path: string): AsyncIterable<LocalEntry> {
    return this.#files.list(path);
  }

  async makeDirectory(path: string, { mode, follow }: NewDirectory): Promise<boolean> {
    if (await this.#files.makeDirectory(path, mode)) return true;
    // An earlier download, or another user, may have made a link there, which would lead files out of the tree.
    const { type } = follow
      ? await this.#files.stat(path)
      : /* rule: transfer-directory-link */ await this.#files.lstat(path);
    if (type === "directory") return false;
    throw notDirectory(path, type, this.#files.nameRules);
  }

  async write(
    path: string,
    data: Uint8Array | AsyncIterable<Chunk>,
    attributes: NewAttributes,
    context: CallContext,
  ): Promise<void> {
    await this.#replace(path, async (temporary) => {
      const file = await this.#files.create(temporary, attributes.mode);
      await writeAndClose(file, 0, data, attributes, context);
    });
  }

  async symlink(target: string, path: string): Promise<void> {
    await this.#replace(path, (temporary) => this.#files.symlink(target, temporary));
  }

  async setAttributes(path: string, { exact }: Pick<NewAttributes, "exact">): Promise<void> {
    if (exact !== undefined) await this.#files.setAttributes(path, exact);
  }

  rename(from: string, to: string): Promise<void> {
    return this.#files.rename(from, to);
  }

  remove(path: string, type: "file" | "directory"): Promise<void> {
    return type === "file" ? this.#files.remove(path) : this.#files.removeDirectory!(path);
  }

  discard(path: string): Promise<void> {
    return this.#files.remove(path).catch(() => {});
  }

  /** Makes a file under a temporary name in the same directory, and renames it. */
  async #replace(path: string, make: (temporary: string) => Promise<void>): Promise<void> {
    const { directory, name } = this.#files.split(path);
    // rule: transfer-local-temporary
    const temporary = this.#files.join(directory, temporaryName(name));
    try {
      await make(temporary);
      await this.#files.rename(temporary, path);
    } catch (error) {
      // The first error is the one to report.
      await this.discard(temporary);
      throw error;
    }
  }
}

function localPartials(files: LocalFiles, open: (path: string) => Promise<LocalPartial | undefined>): PartialFiles {
  return {
    async create(path, mode) {
      const file = await files.create(path, mode);
      return partialFile(file, 0);
    },
    async open(path) {
      const file = await open(path);
      return file && partialFile(file, file.size, (buffer, position) => file.read(buffer, position));
    },
  };
}

function partialFile(file: LocalWriter, size: number, read?: PartialFile["read"]): PartialFile {
  return {
    size,
    ...(read !== undefined && { read }),
    write: (_, chunks, attributes, context) => writeAndClose(file, size, chunks, attributes, context),
    close: () => file.close(),
  };
}

/** Writes from a position on, sets the attributes, and closes the file. */
async function writeAndClose(
  file: LocalWriter,
  start: number,
  data: Uint8Array | AsyncIterable<Chunk>,
  { exact, flush }: NewAttributes,
  context: CallContext,
): Promise<void> {
  try {
    let position = start;
    if (data instanceof Uint8Array) {
      await file.write([data], position);
    } else {
      for await (const chunk of data) {
        const length = lengthOf(chunk);
        await file.write(piecesOf(chunk), position);
        position += length;
      }
    }
    throwIfAborted(context);
    if (exact !== undefined) await file.setAttributes(exact);
    if (flush) await file.sync?.();
  } finally {
    await file.close();
  }
}
