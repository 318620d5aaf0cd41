import type { LocalEntry, LocalFiles, LocalReader, LocalStats, LocalWriter } from "@nacre/files";
import { escapeText, SshError } from "@nacre/wire";
import { failure, isNamed, reading } from "./failures.ts";
import { FileReaderAhead } from "./file-reader.ts";
import type { LocalDirectory, LocalNode } from "./local-node.ts";
import { join, ROOT, split } from "./paths.ts";

/** Number of entries of a directory whose sizes and times are read at the same time. */
const MOST_AT_ONCE = 64;

/** Maximum number of directories that are kept for the next path. */
const MOST_KEPT = 256;

/** Files that a page may read, as the local side of an upload. */
export class ReadableFiles implements LocalFiles {
  readonly nameRules: "posix" | "windows" = nameRules();
  readonly #root: LocalDirectory;
  /** Directories by path, because each step of a path is a call of the browser's process. */
  readonly #kept = new Map<string, LocalDirectory>();

  constructor(root: LocalDirectory) {
    this.#root = root;
  }

  join(directory: string, name: string): string {
    return join(directory, name);
  }

  split(path: string): { readonly directory: string; readonly name: string } {
    return split(path);
  }

  async stat(path: string): Promise<LocalStats> {
    return reading(path, async () => statsOf(await this.find(path)));
  }

  lstat(path: string): Promise<LocalStats> {
    return this.stat(path);
  }

  realpath(path: string): Promise<string> {
    return Promise.resolve(path);
  }

  async *list(path: string): AsyncGenerator<LocalEntry, void> {
    const directory = await reading(path, () => this.findDirectory(path));
    const batch: (readonly [string, LocalNode])[] = [];
    try {
      for await (const entry of directory.entries()) {
        batch.push(entry);
        if (batch.length === MOST_AT_ONCE) yield* await entriesOf(path, batch.splice(0));
      }
    } catch (cause) {
      throw failure("file-unreadable", path, cause);
    }
    yield* await entriesOf(path, batch);
  }

  open(path: string): Promise<LocalReader> {
    return reading(path, async () => {
      const node = await this.find(path);
      if (node.type !== "file") throw new DOMException("it is a directory", "TypeMismatchError");
      return new FileReaderAhead(path, await node.file());
    });
  }

  create(path: string, _mode: number | undefined): Promise<LocalWriter> {
    return readOnly(path);
  }

  rename(_from: string, to: string): Promise<void> {
    return readOnly(to);
  }

  remove(path: string): Promise<void> {
    return readOnly(path);
  }

  makeDirectory(path: string, _mode: number | undefined): Promise<boolean> {
    return readOnly(path);
  }

  /** The browser sets neither permission bits nor times. */
  setAttributes(): Promise<void> {
    return Promise.resolve();
  }

  readlink(path: string): Promise<string> {
    return Promise.reject(new SshError("file-unreadable", `cannot read ${escapeText(path)}: it is no symbolic link`));
  }

  symlink(_target: string, path: string): Promise<void> {
    const message = `cannot make the symbolic link ${escapeText(path)}: the browser has none; pass \`symlinks: "follow"\` or "skip"`;
    return Promise.reject(new SshError("file-unwritable", message));
  }

  /** Resolves with what a path leads to. Rejects with an error of the browser. */
  protected async find(path: string): Promise<LocalNode> {
    if (path === ROOT) return this.#root;
    const { directory, name } = split(path);
    return (await this.findDirectory(directory)).get(name);
  }

  /** Resolves with the directory of a path. Rejects with an error of the browser. */
  protected async findDirectory(path: string): Promise<LocalDirectory> {
    const kept = this.#kept.get(path);
    if (kept !== undefined) return kept;
    const found = await this.find(path);
    if (found.type !== "directory") throw new DOMException("it is a file", "TypeMismatchError");
    if (this.#kept.size === MOST_KEPT) this.#kept.clear();
    this.#kept.set(path, found);
    return found;
  }

  /** Drops the directories that are kept, after one is removed. */
  protected forgetDirectories(): void {
    this.#kept.clear();
  }
}

async function statsOf(node: LocalNode): Promise<LocalStats> {
  if (node.type === "directory") return { type: "directory", size: 0 };
  const { size, lastModified } = await node.file();
  return { type: "file", size, mtimeMs: lastModified };
}

/** Resolves with entries of a directory, without those that are gone meanwhile. */
async function entriesOf(
  directory: string,
  nodes: readonly (readonly [name: string, node: LocalNode])[],
): Promise<LocalEntry[]> {
  const entries = nodes.map(async ([name, node]) => {
    try {
      return { ...(await statsOf(node)), name };
    } catch (cause) {
      if (isNamed(cause, "NotFoundError")) return undefined;
      throw failure("file-unreadable", join(directory, name), cause);
    }
  });
  return (await Promise.all(entries)).filter((entry) => entry !== undefined);
}

function readOnly(path: string): Promise<never> {
  const message = `cannot write ${escapeText(path)}: the page may only read these files; use \`saveDirectory\``;
  return Promise.reject(new SshError("file-unwritable", message));
}

/** Returns the rules of the system below the browser; those of Windows if it is unknown, because they permit least. */
function nameRules(): "posix" | "windows" {
  const { userAgentData, platform = "" } = (globalThis.navigator ?? {}) as Partial<Navigator> & {
    readonly userAgentData?: { readonly platform?: string };
  };
  return /^(?:linux|mac|iphone|ipad|android|chrome ?os|freebsd|openbsd)/i.test(userAgentData?.platform || platform)
    ? "posix"
    : "windows";
}
