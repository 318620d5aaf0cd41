import type { Attributes } from "@nacre/sftp";
import { basename, dirname, join } from "../../channel/remote-path.ts";
import { temporaryName } from "../../local/names.ts";
import { FileSystemError } from "../../serve/file-error.ts";
import type { FileSystem, ServedFile } from "../../serve/file-system.ts";
import { hasCode, lstatOf, permissionBits, typeOf, unsupported } from "./served-files.ts";

const CREATE = { read: false, write: true, append: false, create: true, truncate: false, exclusive: true } as const;

/**
 * A file that is written under a temporary name and renamed when it is complete, so that readers see the old or the new contents. A
 * symbolic link with the final name is replaced, not followed.
 */
export class NewFile {
  readonly #fileSystem: FileSystem;
  readonly #path: string;
  readonly #temporary: string;
  readonly #file: ServedFile;
  /** Permission bits of the file that is replaced. */
  readonly #replaced: number | undefined;
  #position = 0;
  #isClosed = false;

  private constructor(
    fileSystem: FileSystem,
    path: string,
    temporary: string,
    file: ServedFile,
    replaced: number | undefined,
  ) {
    this.#fileSystem = fileSystem;
    this.#path = path;
    this.#temporary = temporary;
    this.#file = file;
    this.#replaced = replaced;
  }

  /** Creates the temporary file beside `path`. `permissions` are those of a new file, less the umask. */
  static async create(fileSystem: FileSystem, path: string, permissions: number): Promise<NewFile> {
    if (fileSystem.posixRename === undefined && fileSystem.rename === undefined) unsupported();
    const existing = await lstatOf(fileSystem, path);
    if (existing !== undefined && typeOf(existing) === "directory") throw new FileSystemError("EISDIR");
    // rule: scp-server-special
    if (existing !== undefined && typeOf(existing) === "special") throw new FileSystemError("EPERM");
    // rule: scp-server-temporary
    const temporary = join(dirname(path), temporaryName(basename(path)));
    const file = await fileSystem.open(temporary, CREATE, { permissions });
    const isFile = existing !== undefined && typeOf(existing) === "file";
    return new NewFile(fileSystem, path, temporary, file, isFile ? permissionBits(existing) : undefined);
  }

  /** Adds contents. */
  async write(bytes: Uint8Array): Promise<void> {
    await this.#file.write(this.#position, bytes);
    this.#position += bytes.length;
  }

  /** Gives the file its attributes and its name. Without `attributes`, it keeps the permission bits of the file that it replaces. */
  async finish(attributes: Attributes | undefined): Promise<void> {
    const kept = this.#replaced === undefined ? undefined : { permissions: this.#replaced };
    const set = attributes ?? kept;
    if (set !== undefined) await this.#file.setstat(set);
    await this.#close();
    await this.#rename();
  }

  /** Removes the file. Never rejects. */
  async discard(): Promise<void> {
    await this.#close().catch(() => {});
    await this.#fileSystem.remove?.(this.#temporary).catch(() => {});
  }

  async #close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.#file.close();
  }

  async #rename(): Promise<void> {
    const fs = this.#fileSystem;
    const replaced = fs.posixRename?.(this.#temporary, this.#path);
    if (replaced !== undefined) return replaced;
    try {
      await fs.rename?.(this.#temporary, this.#path);
    } catch (error) {
      if (!hasCode(error, "EEXIST") || fs.remove === undefined) throw error;
      // Such a file system renames only to a new name. The old file stays until the new one is in place.
      const aside = join(dirname(this.#path), temporaryName(basename(this.#path)));
      await fs.rename?.(this.#path, aside);
      try {
        await fs.rename?.(this.#temporary, this.#path);
      } catch (refusal) {
        await fs.rename?.(aside, this.#path);
        throw refusal;
      }
      await fs.remove(aside);
    }
  }
}
