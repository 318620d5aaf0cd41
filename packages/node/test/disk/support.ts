import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Attributes, FileSystem, OpenMode, ServedDirectory, ServedFile } from "@nacre/files/server";
import { onTestFinished } from "vitest";
import { openDescriptorRoot } from "../../src/disk/descriptor-directory.ts";
import type { OpenRoot } from "../../src/disk/directory.ts";
import { DiskFiles } from "../../src/disk/disk-files.ts";
import type { DiskFileSystemOptions } from "../../src/disk/options.ts";
import { openPathRoot } from "../../src/disk/path-directory.ts";

/** The two ways to reach directories, with their names for titles. */
export const WAYS: readonly (readonly [name: string, openRoot: OpenRoot])[] = [
  ["by descriptor", openDescriptorRoot],
  ["by path", openPathRoot],
];

/** A temporary folder with a root that is served, and a folder outside of it. */
export interface Served {
  readonly root: string;
  readonly outside: string;
  readonly files: DiskFiles;
}

/** Makes the folders and serves the root. They are removed after the test. */
export async function serveDisk(
  openRoot: OpenRoot = openDescriptorRoot,
  options: Partial<DiskFileSystemOptions> = {},
): Promise<Served> {
  const folder = await mkdtemp(join(tmpdir(), "nacre-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const [root, outside] = [join(folder, "root"), join(folder, "outside")];
  await mkdir(root);
  await mkdir(outside);
  return { root, outside, files: new DiskFiles({ root, ...options }, openRoot) };
}

const NONE: OpenMode = {
  read: false,
  write: false,
  append: false,
  create: false,
  truncate: false,
  exclusive: false,
};
export const READ: OpenMode = { ...NONE, read: true };
export const WRITE: OpenMode = { ...NONE, write: true };
export const CREATE: OpenMode = { ...WRITE, create: true, truncate: true };
export const APPEND: OpenMode = { ...CREATE, append: true, truncate: false };
export const EXCLUSIVE: OpenMode = { ...CREATE, exclusive: true };

/** Writes a file through the file system. */
export async function put(files: FileSystem, path: string, text: string, attributes: Attributes = {}): Promise<void> {
  const file = await files.open(path, CREATE, attributes);
  await file.write(0, Buffer.from(text));
  await file.close();
}

/** Reads a file through the file system. */
export async function get(files: FileSystem, path: string): Promise<string> {
  const file = await files.open(path, READ, {});
  try {
    return Buffer.from(await readAll(file)).toString();
  } finally {
    await file.close();
  }
}

async function readAll(file: ServedFile): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (let offset = 0; ; ) {
    const bytes = file.readNow?.(offset, 65536)?.slice() ?? (await file.read(offset, 65536));
    if (bytes.length === 0) return Buffer.concat(pieces);
    pieces.push(bytes);
    offset += bytes.length;
  }
}

/** Lists the names of a directory, sorted. */
export async function list(files: FileSystem, path: string): Promise<string[]> {
  const directory = await files.opendir(path);
  try {
    return await namesOf(directory);
  } finally {
    await directory.close();
  }
}

async function namesOf(directory: ServedDirectory): Promise<string[]> {
  const names: string[] = [];
  for (let batch = await directory.read(); batch.length > 0; batch = await directory.read())
    names.push(...batch.map(({ name }) => name));
  return names.toSorted();
}

/** Returns the code of the error that a call fails with, or "no error". */
export async function errorOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "no error";
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}
