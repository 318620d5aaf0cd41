import { type Dir, lstatSync, opendirSync, readdirSync, type Stats, statSync } from "node:fs";
import { type Attributes, type DirectoryEntry, FileSystemError, type ServedDirectory } from "@nacre/files/server";
import type { AccountNames } from "./accounts.ts";
import { assertRootKept, attributesOf, changeAt } from "./attributes.ts";
import type { Directory } from "./directory.ts";
import type { HandleContext } from "./disk-file.ts";
import { isNode, pathText } from "./native-path.ts";

/** Number of entries in one batch of a listing. */
const BATCH = 128;

/** Names of a directory, in the order of the system. */
interface Names {
  next(): string | undefined;
  close(): void;
}

/** An open directory of the disk. Entries are looked up in it by name, without following symbolic links. */
export class DiskDirectory implements ServedDirectory {
  readonly #directory: Directory;
  readonly #isRoot: boolean;
  readonly #context: HandleContext;
  readonly #accounts: AccountNames | undefined;
  readonly #names: Names;

  /** Takes over `directory`. Throws the error of `node:fs` if it cannot be listed. */
  constructor(directory: Directory, isRoot: boolean, context: HandleContext, accounts: AccountNames | undefined) {
    this.#directory = directory;
    this.#isRoot = isRoot;
    this.#context = context;
    this.#accounts = accounts;
    this.#names = isNode ? readNames(directory.path) : allNames(directory.path);
  }

  /** Path for `node:fs` of the open directory. */
  get path(): string {
    return this.#directory.path;
  }

  read(): Promise<readonly DirectoryEntry[]> {
    return this.#context.turn.run(this.#context.login, () => {
      const batch: DirectoryEntry[] = [];
      while (batch.length < BATCH) {
        const name = this.#names.next();
        if (name === undefined) break;
        const stats = this.#statsOf(name);
        if (stats !== undefined) batch.push(this.#entry(name, stats));
      }
      return batch;
    });
  }

  stat(): Promise<Attributes> {
    return this.#context.turn.run(this.#context.login, () => attributesOf(statSync(this.#directory.path)));
  }

  setstat(attributes: Attributes): Promise<void> {
    return this.#context.turn.run(this.#context.login, () => {
      const changes = this.#context.settable(attributes);
      if (changes.size !== undefined) throw new FileSystemError("EISDIR");
      if (this.#isRoot) assertRootKept(changes);
      changeAt(this.#directory.path, changes);
    });
  }

  async close(): Promise<void> {
    this.#context.closed();
    this.#names.close();
    this.#directory.close();
  }

  #entry(name: string, stats: Stats): DirectoryEntry {
    return {
      name,
      attributes: attributesOf(stats),
      links: stats.nlink,
      user: this.#accounts?.user(stats.uid),
      group: this.#accounts?.group(stats.gid),
    };
  }

  /** Returns `undefined` if the entry was removed meanwhile, or if the directory may be listed but not searched. */
  #statsOf(name: string): Stats | undefined {
    try {
      return lstatSync(this.#directory.at(name), { throwIfNoEntry: false });
    } catch {
      return undefined;
    }
  }
}

function readNames(path: string): Names {
  // The types of Node lack the encoding "buffer", which `readdir` has as well.
  const dir: Dir = opendirSync(path, { encoding: "buffer" as BufferEncoding, bufferSize: BATCH });
  return {
    next: () => {
      const entry = dir.readSync();
      return entry === null ? undefined : pathText(entry.name as unknown as Buffer);
    },
    close: () => dir.closeSync(),
  };
}

/** Reads all names at once: `opendir` of Bun returns no names as bytes. Deno decodes them as UTF-8 in either call. */
function allNames(path: string): Names {
  const names = readdirSync(path, { encoding: "buffer" }).toReversed();
  return {
    next: () => {
      const name = names.pop();
      return name === undefined ? undefined : pathText(name);
    },
    close() {},
  };
}
