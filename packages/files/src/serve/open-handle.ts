import type { NameEntry } from "@nacre/sftp";
import type { DirectoryEntry, OpenMode, ServedDirectory, ServedFile } from "./file-system.ts";

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
