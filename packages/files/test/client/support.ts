import { type Sftp, sftp } from "@nacre/files";
import { MemorySftp, type MemorySftpOptions } from "@nacre/testing/nacre/memory-sftp";
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
