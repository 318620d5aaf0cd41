import { type Sftp, sftp } from "@nacre/files";
import { MemoryLocalFiles } from "@nacre/testing/nacre/memory-local-files";
import { MemorySftp, type MemorySftpOptions } from "@nacre/testing/nacre/memory-sftp";
import type { MemoryFiles } from "@nacre/testing/sftp/memory-files";
import { onTestFinished } from "vitest";

/** SFTP to a new server in memory. Closed at the end of the test. */
export async function openMemorySftp(options: MemorySftpOptions = {}): Promise<{ sftp: Sftp; server: MemorySftp }> {
  const server = new MemorySftp(options);
  const client = await sftp(server);
  onTestFinished(() => client.close());
  return { sftp: client, server };
}

/** Returns bytes that differ at every position of a file of up to 16 MiB. */
export function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + (at >> 8) * 7 + (at >> 16)) & 0xff;
  return bytes;
}

/** Returns whether two arrays are equal. Much faster than `toEqual` for megabytes. */
export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

/** Makes files with texts on one side. A path with "/" at its end is a directory. */
export function make(files: MemoryFiles, contents: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(contents)) {
    if (path.endsWith("/")) files.makeDirectory(path.slice(0, -1));
    else files.open(path, 0x0a, 0o644).data = new TextEncoder().encode(text);
  }
}

/** Shows what a side has below a path, as `MemoryLocalFiles.tree` does. */
export function tree(files: MemoryFiles, path: string): string[] {
  const shown = new MemoryLocalFiles();
  Object.assign(shown, { files });
  return shown.tree(path);
}
