import { onTestFinished } from "vitest";
import { FakeDirectory } from "./fake-directory.ts";

/** Whether this runtime has the origin-private file system, which the tests then use. Others get a fake. */
export const HAS_PRIVATE_FILES: boolean = typeof globalThis.navigator?.storage?.getDirectory === "function";

/** Returns an empty directory, which is removed at the end of the test. */
export async function testDirectory(): Promise<FileSystemDirectoryHandle> {
  if (!HAS_PRIVATE_FILES) return new FakeDirectory() as unknown as FileSystemDirectoryHandle;
  const root = await navigator.storage.getDirectory();
  const name = `test-${crypto.randomUUID()}`;
  onTestFinished(() => root.removeEntry(name, { recursive: true }));
  return root.getDirectoryHandle(name, { create: true });
}

/** Makes files. A path with "/" at its end is a directory. */
export async function make(
  directory: FileSystemDirectoryHandle,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    const names = path.split("/");
    const last = names.pop()!;
    let parent = directory;
    for (const name of names) parent = await parent.getDirectoryHandle(name, { create: true });
    if (last === "") continue;
    const stream = await (await parent.getFileHandle(last, { create: true })).createWritable();
    await stream.write(new TextEncoder().encode(text));
    await stream.close();
  }
}

/** Resolves with every path below a directory, sorted: a directory with "/" at its end, a file with its text. */
export async function tree(directory: FileSystemDirectoryHandle, prefix = ""): Promise<string[]> {
  const found: string[] = [];
  for await (const [name, handle] of directory.entries())
    if (handle.kind === "directory") found.push(`${prefix}${name}/`, ...(await tree(handle, `${prefix}${name}/`)));
    else found.push(`${prefix}${name}: ${(await textOf(handle)).slice(0, 40)}`);
  return found.sort();
}

/** Resolves with the text of a file. */
export async function textOf(handle: FileSystemFileHandle): Promise<string> {
  return (await handle.getFile()).text();
}
