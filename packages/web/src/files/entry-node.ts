import { isNamed } from "./failures.ts";
import type { LocalDirectory, LocalNode } from "./local-node.ts";

/** Returns the node of an entry of the File and Directory Entries API, which Firefox and Safari have for dropped files. */
export function entryNode(entry: FileSystemEntry): LocalNode {
  if (entry.isDirectory) return new EntryDirectory(entry as FileSystemDirectoryEntry);
  return {
    type: "file",
    file: () => new Promise((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)),
  };
}

class EntryDirectory implements LocalDirectory {
  readonly type = "directory";
  readonly #entry: FileSystemDirectoryEntry;

  constructor(entry: FileSystemDirectoryEntry) {
    this.#entry = entry;
  }

  async get(name: string): Promise<LocalNode> {
    try {
      return entryNode(await new Promise((resolve, reject) => this.#entry.getFile(name, {}, resolve, reject)));
    } catch (error) {
      if (!isNamed(error, "TypeMismatchError")) throw error;
      return entryNode(await new Promise((resolve, reject) => this.#entry.getDirectory(name, {}, resolve, reject)));
    }
  }

  async *entries(): AsyncGenerator<readonly [string, LocalNode], void> {
    const reader = this.#entry.createReader();
    for (;;) {
      // Chromium returns 100 entries at a time. An empty array follows the last ones.
      const entries = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
      if (entries.length === 0) return;
      for (const entry of entries) yield [entry.name, entryNode(entry)];
    }
  }
}
