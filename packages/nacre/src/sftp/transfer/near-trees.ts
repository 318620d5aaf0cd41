import { escapeText, SshError } from "@nacre/wire";
import { type CallContext, throwIfAborted } from "../call.ts";
import { nameProblem, temporaryName } from "./names.ts";
import type { NearAttributes, NearEntry, NearFiles, NearStats } from "./near-files.ts";
import { MOST_FILES } from "./slots.ts";
import type { NewAttributes, NewDirectory, SourceTree, TargetTree } from "./trees.ts";

/** Length in bytes of the buffers that files are read with. */
const BUFFER_LENGTH = 512 * 1024;

/** Files shorter than this get a buffer of their own length. */
const SHORT_LENGTH = 64 * 1024;

/** Reads near files for an upload. Buffers are used again. */
export class NearSource implements SourceTree {
  readonly mostFiles: number = MOST_FILES;
  readonly #files: NearFiles;
  readonly #buffers: Uint8Array[] = [];

  constructor(files: NearFiles) {
    this.#files = files;
  }

  join(directory: string, name: string): string {
    return this.#files.join(directory, name);
  }

  stat(path: string): Promise<NearStats> {
    return this.#files.stat(path);
  }

  realpath(path: string): Promise<string> {
    return this.#files.realpath(path);
  }

  list(path: string): AsyncIterable<NearEntry> {
    return this.#files.list(path);
  }

  async *read(path: string, size: number, follow: boolean, context: CallContext): AsyncGenerator<Uint8Array, void> {
    const file = await this.#files.open(path, follow);
    try {
      const isShort = size < SHORT_LENGTH;
      // One byte more finds the end of the file without another call.
      const buffer = isShort ? new Uint8Array(size + 1) : (this.#buffers.pop() ?? new Uint8Array(BUFFER_LENGTH));
      for (let position = 0; ; ) {
        throwIfAborted(context);
        const length = await file.read(buffer, position);
        if (length > 0) yield buffer.subarray(0, length);
        position += length;
        if (length === 0 || (length < buffer.length && position >= size)) break;
      }
      if (!isShort) this.#buffers.push(buffer);
    } finally {
      await file.close();
    }
  }

  async readShort(path: string, size: number, follow: boolean): Promise<Uint8Array | undefined> {
    return this.#files.readShort?.(path, size, follow);
  }

  readlink(path: string): Promise<string> {
    return this.#files.readlink(path);
  }
}

/** Writes near files for a download. Nothing is written outside the directory of the transfer. */
export class NearTarget implements TargetTree {
  readonly mostFiles: number = MOST_FILES;
  readonly #files: NearFiles;

  constructor(files: NearFiles) {
    this.#files = files;
  }

  join(directory: string, name: string): string {
    return this.#files.join(directory, name);
  }

  nameProblem(name: string): string | undefined {
    return nameProblem(name, this.#files.nameRules);
  }

  async makeDirectory(path: string, { mode, isRoot }: NewDirectory): Promise<void> {
    if (await this.#files.makeDirectory(path, mode)) return;
    // An earlier download, or the server during this one, may have made a link there. It would lead files out of the tree.
    const { type } = isRoot
      ? await this.#files.stat(path)
      : /* rule: transfer-directory-link */ await this.#files.lstat(path);
    if (type !== "directory")
      throw new SshError("file-unwritable", `${escapeText(path)} exists and is not a directory; remove it first`);
  }

  async write(
    path: string,
    data: Uint8Array | AsyncIterable<Uint8Array>,
    { mode, exact }: NewAttributes,
    context: CallContext,
  ): Promise<void> {
    const files = this.#files;
    await this.#replace(path, async (temporary) => {
      if (data instanceof Uint8Array && files.createShort?.(temporary, data, { mode, exact }) === true) return;
      const file = await files.create(temporary, mode);
      try {
        let position = 0;
        for await (const chunk of data instanceof Uint8Array ? [data] : data) {
          await file.write(chunk, position);
          position += chunk.length;
        }
        throwIfAborted(context);
        if (exact !== undefined) await file.setAttributes(exact);
      } finally {
        await file.close();
      }
    });
  }

  async symlink(target: string, path: string): Promise<void> {
    await this.#replace(path, (temporary) => this.#files.symlink(target, temporary));
  }

  async setAttributes(path: string, attributes: NearAttributes): Promise<void> {
    await this.#files.setAttributes(path, attributes);
  }

  /** Makes a file under a temporary name in the same directory, and renames it. */
  async #replace(path: string, make: (temporary: string) => Promise<void>): Promise<void> {
    const { directory, name } = this.#files.split(path);
    // rule: transfer-near-temporary
    const temporary = this.#files.join(directory, temporaryName(name));
    try {
      await make(temporary);
      await this.#files.rename(temporary, path);
    } catch (error) {
      // The first error is the one to report.
      await this.#files.remove(temporary).catch(() => {});
      throw error;
    }
  }
}
