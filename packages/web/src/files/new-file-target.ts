import type { LocalPath, LocalStats, LocalWriter } from "@nacre/files";
import { escapeText, SshError } from "@nacre/wire";
import { writing } from "./failures.ts";
import { LocalMap } from "./local-node.ts";
import type { NewFile } from "./new-file.ts";
import { join, ROOT } from "./paths.ts";
import { ReadableFiles } from "./readable-files.ts";

/** The local side of a download of one file. Its directory has nothing else, and the file is visible only when it is whole. */
export class NewFileTarget extends ReadableFiles implements LocalPath {
  readonly files: this = this;
  readonly path: string;
  readonly #begin: () => Promise<NewFile>;
  /** The file under its temporary name. */
  #open: { readonly path: string; readonly file: NewFile } | undefined;
  /** Length of the file in bytes, as far as it is written. */
  #size = 0;
  #isCommitted = false;

  constructor(name: string, begin: () => Promise<NewFile>) {
    super(new LocalMap());
    this.path = join(ROOT, name);
    this.#begin = begin;
  }

  /** Whether the file is whole. */
  get isCommitted(): boolean {
    return this.#isCommitted;
  }

  override async stat(path: string): Promise<LocalStats> {
    return this.#isCommitted && path === this.path ? { type: "file", size: this.#size } : super.stat(path);
  }

  override create(path: string, _mode: number | undefined): Promise<LocalWriter> {
    return writing(path, async () => {
      if (this.#open !== undefined)
        throw new SshError("file-unwritable", `cannot write ${escapeText(path)}: only one file can be saved`);
      const file = await this.#begin();
      this.#open = { path, file };
      this.#size = 0;
      return {
        write: (pieces, position) => {
          this.#size = pieces.reduce((sum, { length }) => sum + length, position);
          return writing(path, () => file.write(pieces, position));
        },
        setAttributes: () => Promise.resolve(),
        // `rename` or `remove` follows and decides.
        close: () => Promise.resolve(),
      };
    });
  }

  override rename(from: string, to: string): Promise<void> {
    return writing(to, async () => {
      if (from !== this.#open?.path || to !== this.path) throw new DOMException("no such file", "NotFoundError");
      await this.#open.file.commit();
      this.#open = undefined;
      this.#isCommitted = true;
    });
  }

  override async remove(path: string): Promise<void> {
    if (path === this.#open?.path) await this.release();
  }

  /** Drops a file that is not whole. */
  async release(): Promise<void> {
    const file = this.#open?.file;
    this.#open = undefined;
    await file?.discard();
  }
}
