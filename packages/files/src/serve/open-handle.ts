import { type Attributes, type NameEntry, SSH_FXF } from "@nacre/sftp";
import type { DirectoryEntry, FileSystem, OpenMode, ServedDirectory, ServedFile } from "./file-system.ts";
import { nameEntry } from "./longname.ts";

/** An open file of a client. */
export interface OpenFileHandle {
  readonly kind: "file";
  readonly file: ServedFile;
  readonly mode: OpenMode;
  /** Path that it was opened with. */
  readonly path: string;
}

/** An open directory of a client. */
export interface OpenDirectoryHandle {
  readonly kind: "directory";
  readonly directory: ServedDirectory;
  /** Path that it was opened with. */
  readonly path: string;
  /** The entries "." and "..", until they are listed. */
  dots: readonly DirectoryEntry[];
  /** Entries that the last reply had no room for. */
  left: readonly NameEntry[];
}

/** Value of a handle in the machine. */
export type OpenHandle = OpenFileHandle | OpenDirectoryHandle;

/** Returns the open file or directory of the file system. */
export function servedOf(handle: OpenHandle): ServedFile | ServedDirectory {
  return handle.kind === "file" ? handle.file : handle.directory;
}

/** Returns the mode for flags of SSH_FXP_OPEN. */
export function modeOf(flags: number): OpenMode {
  const has = (flag: number): boolean => (flags & flag) !== 0;
  const append = has(SSH_FXF.APPEND);
  const write = has(SSH_FXF.WRITE) || append;
  const create = has(SSH_FXF.CREAT);
  return {
    // OpenSSH's server, too, opens for reading if the flags name neither.
    read: has(SSH_FXF.READ) || !write,
    write,
    append,
    create,
    truncate: has(SSH_FXF.TRUNC),
    exclusive: create && has(SSH_FXF.EXCL),
  };
}

/** Opens a directory for listing, with the entries "." and ".." first, as OpenSSH's server lists them. */
export async function openDirectory(fs: FileSystem, path: string): Promise<OpenDirectoryHandle> {
  const directory = await fs.opendir(path);
  const [own, above] = await Promise.allSettled([statOf(directory), statOf(fs, `${path || "."}/..`)]);
  const dots = [
    ...(own.status === "fulfilled" ? [{ name: ".", attributes: own.value }] : []),
    ...(above.status === "fulfilled" ? [{ name: "..", attributes: above.value }] : []),
  ];
  return { kind: "directory", directory, path, dots, left: [] };
}

/** Rejects also if the file system throws before it returns a Promise. */
async function statOf<Args extends unknown[]>(
  files: { stat(...args: Args): Promise<Attributes> },
  ...args: Args
): Promise<Attributes> {
  return files.stat(...args);
}

/** Resolves with the entries to list next: those left, or else the next ones of the directory; none after the last. */
export async function nextEntries(handle: OpenDirectoryHandle): Promise<readonly NameEntry[]> {
  if (handle.left.length > 0) return handle.left;
  const entries = [...handle.dots, ...(await handle.directory.read())];
  handle.dots = [];
  const now = Date.now() / 1000;
  return entries.map((entry) => nameEntry(entry, now));
}
