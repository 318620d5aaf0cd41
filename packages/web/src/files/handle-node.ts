import { isNamed } from "./failures.ts";
import type { LocalDirectory, LocalNode } from "./local-node.ts";

/** Returns the node of a handle of the File System API. */
export function handleNode(handle: FileSystemHandle): LocalNode {
  return handle.kind === "directory"
    ? new HandleDirectory(handle as FileSystemDirectoryHandle)
    : { type: "file", file: () => (handle as FileSystemFileHandle).getFile() };
}

/** A directory behind a handle of the File System API. */
export class HandleDirectory implements LocalDirectory {
  readonly type = "directory";
  readonly handle: FileSystemDirectoryHandle;

  constructor(handle: FileSystemDirectoryHandle) {
    this.handle = handle;
  }

  async get(name: string): Promise<LocalNode> {
    try {
      return handleNode(await this.handle.getFileHandle(name));
    } catch (error) {
      if (!isNamed(error, "TypeMismatchError")) throw error;
      return handleNode(await this.handle.getDirectoryHandle(name));
    }
  }

  async *entries(): AsyncGenerator<readonly [string, LocalNode], void> {
    for await (const [name, handle] of this.handle.entries()) yield [name, handleNode(handle)];
  }
}
