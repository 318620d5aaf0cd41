import type { LocalPartial, LocalReader, LocalWriter } from "@nacre/files";
import { reading, writing } from "./failures.ts";
import { FileReaderAhead } from "./file-reader.ts";
import { newFile } from "./new-file.ts";
import { newFileWriter } from "./new-file-writer.ts";

/** The file system as an open partial file uses it. */
export interface PartialOpener {
  /** Resolves with the handle of a path. Rejects with an error of the browser. */
  handle(path: string): Promise<FileSystemFileHandle>;
  /** Called when the file is closed. */
  closed(partial: OpenPartial): void;
}

/**
 * A partial file. It is opened by its current path when it is read or written, because the browser renames no file that
 * is being written.
 */
export class OpenPartial implements LocalPartial {
  /** Current path. */
  path: string;
  readonly size: number;
  readonly #opener: PartialOpener;
  #reader: LocalReader | undefined;
  #writer: LocalWriter | undefined;

  constructor(path: string, size: number, opener: PartialOpener) {
    this.path = path;
    this.size = size;
    this.#opener = opener;
  }

  async read(buffer: Uint8Array, position: number): Promise<number> {
    const { path } = this;
    this.#reader ??= await reading(
      path,
      async () => new FileReaderAhead(path, await (await this.#opener.handle(path)).getFile()),
    );
    return this.#reader.read(buffer, position);
  }

  async write(pieces: readonly Uint8Array[], position: number): Promise<void> {
    const { path } = this;
    this.#writer ??= await writing(path, async () =>
      newFileWriter(path, await newFile(await this.#opener.handle(path), true)),
    );
    await this.#writer.write(pieces, position);
  }

  setAttributes(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    this.#opener.closed(this);
    await this.#writer?.close();
  }
}
