import type { LocalFiles, LocalPartial, LocalWriter } from "@nacre/files";
import { escapeText, SshError } from "@nacre/wire";
import { isNamed, reading, writing } from "./failures.ts";
import { HandleDirectory } from "./handle-node.ts";
import { newFile } from "./new-file.ts";
import { newFileWriter } from "./new-file-writer.ts";
import { OpenPartial, type PartialOpener } from "./open-partial.ts";
import { split } from "./paths.ts";
import { ReadableFiles } from "./readable-files.ts";

/** A file handle of a browser that renames files. All do so in the origin-private file system, few elsewhere. */
interface MovableHandle extends FileSystemFileHandle {
  move?(name: string): Promise<void>;
}

/**
 * Returns the files below a directory handle as the local side of `upload` and `download`: `{ files, path: "/photos" }` is "photos" in this
 * directory, and "/" the directory itself. Handles come from `showDirectoryPicker({ mode: "readwrite" })`, or from
 * `navigator.storage.getDirectory()`, the files of this origin.
 *
 * Permission bits, times and symbolic links do not exist here: `preserve` has no effect, and a download must not use `symlinks: "keep"`.
 * Where the browser cannot rename a file, it copies it.
 */
export function directoryFiles(directory: FileSystemDirectoryHandle): LocalFiles {
  return new DirectoryFiles(directory);
}

class DirectoryFiles extends ReadableFiles {
  /** Partial files that are open. A handle does not follow its file when that is renamed. */
  readonly #partials = new Set<OpenPartial>();
  readonly #opener: PartialOpener = {
    handle: async (path) => {
      const { parent, name } = await this.#place(path);
      return parent.getFileHandle(name);
    },
    closed: (partial) => void this.#partials.delete(partial),
  };

  constructor(directory: FileSystemDirectoryHandle) {
    super(new HandleDirectory(directory));
  }

  override create(path: string, _mode: number | undefined): Promise<LocalWriter> {
    return writing(path, async () => {
      const { parent, name } = await this.#place(path);
      if (await typeOf(parent, name))
        throw new SshError("file-unwritable", `cannot write ${escapeText(path)}: it exists already`);
      return newFileWriter(path, await newFile(await parent.getFileHandle(name, { create: true })));
    });
  }

  override rename(from: string, to: string): Promise<void> {
    return writing(to, async () => {
      const { parent, name } = await this.#place(to);
      const source: MovableHandle = await parent.getFileHandle(split(from).name);
      if ((await typeOf(parent, name)) === "directory") throw new DOMException("a directory", "TypeMismatchError");
      await move(source, parent, name);
      for (const partial of this.#partials) if (partial.path === from) partial.path = to;
    });
  }

  override remove(path: string): Promise<void> {
    return writing(path, async () => {
      const { parent, name } = await this.#place(path);
      await parent.removeEntry(name).catch((error: unknown) => {
        if (!isNamed(error, "NotFoundError")) throw error;
      });
    });
  }

  override makeDirectory(path: string, _mode: number | undefined): Promise<boolean> {
    return writing(path, async () => {
      if (split(path).name === "") return false;
      const { parent, name } = await this.#place(path);
      if (await typeOf(parent, name)) return false;
      await parent.getDirectoryHandle(name, { create: true });
      return true;
    });
  }

  removeDirectory(path: string): Promise<void> {
    return writing(path, async () => {
      const { parent, name } = await this.#place(path);
      // Rejects for a file, and for a directory with entries.
      await parent.getDirectoryHandle(name);
      await parent.removeEntry(name);
      this.forgetDirectories();
    });
  }

  openPartial(path: string): Promise<LocalPartial | undefined> {
    return reading(path, async () => {
      const { parent, name } = await this.#place(path);
      // Here every file belongs to the user, and has one name.
      if ((await typeOf(parent, name)) !== "file") return undefined;
      const { size } = await (await parent.getFileHandle(name)).getFile();
      const partial = new OpenPartial(path, size, this.#opener);
      this.#partials.add(partial);
      return partial;
    });
  }

  async #place(path: string): Promise<{ readonly parent: FileSystemDirectoryHandle; readonly name: string }> {
    const { directory, name } = split(path);
    const { handle } = (await this.findDirectory(directory)) as HandleDirectory;
    return { parent: handle, name };
  }
}

/** Resolves with what has a name in a directory, or `undefined` if nothing has. */
async function typeOf(directory: FileSystemDirectoryHandle, name: string): Promise<"file" | "directory" | undefined> {
  try {
    await directory.getFileHandle(name);
    return "file";
  } catch (error) {
    if (isNamed(error, "TypeMismatchError")) return "directory";
    if (isNamed(error, "NotFoundError")) return undefined;
    throw error;
  }
}

/** Renames a file in its directory, in place of an existing one. */
async function move(source: MovableHandle, directory: FileSystemDirectoryHandle, name: string): Promise<void> {
  try {
    if (source.move !== undefined) return await source.move(name);
  } catch (error) {
    if (!isNamed(error, "NotAllowedError") && !isNamed(error, "NotSupportedError")) throw error;
  }
  await copy(source, directory, name);
  await directory.removeEntry(source.name);
}

/** Copies a file in place of an existing one. Readers see the old or the new contents; a new name is empty for a moment. */
async function copy(source: FileSystemFileHandle, directory: FileSystemDirectoryHandle, name: string): Promise<void> {
  const isNew = (await typeOf(directory, name)) === undefined;
  try {
    const target = await directory.getFileHandle(name, { create: true });
    await (await source.getFile()).stream().pipeTo(await target.createWritable());
  } catch (error) {
    if (isNew) await directory.removeEntry(name).catch(() => {});
    throw error;
  }
}
