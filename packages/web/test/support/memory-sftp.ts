import { type Sftp, sftp } from "@nacre/files";
import { MemoryLocalFiles } from "@nacre/testing/nacre/memory-local-files";
import { MemorySftp, type MemorySftpOptions } from "@nacre/testing/nacre/memory-sftp";
import { onTestFinished } from "vitest";

/** SFTP to a server in memory. */
export interface MemoryServer {
  readonly sftp: Sftp;
  readonly server: MemorySftp;
  /** Makes files of the server in its home directory. A path with "/" at its end is a directory. */
  readonly make: (files: Readonly<Record<string, string | Uint8Array>>) => void;
  /** Returns every path below a directory of the server. */
  readonly tree: (path: string) => string[];
}

/** Opens SFTP to a new server in memory. Closed at the end of the test. */
export async function openMemorySftp(options: MemorySftpOptions = {}): Promise<MemoryServer> {
  const server = new MemorySftp(options);
  const client = await sftp(server);
  onTestFinished(() => client.close());
  return {
    sftp: client,
    server,
    make(files) {
      for (const [path, data] of Object.entries(files)) {
        if (path.endsWith("/")) server.files.makeDirectory(`/home/${path.slice(0, -1)}`);
        else
          server.files.open(`/home/${path}`, 0x0a, 0o644).data =
            typeof data === "string" ? new TextEncoder().encode(data) : data.slice();
      }
    },
    tree(path) {
      const files = Object.assign(new MemoryLocalFiles(), { files: server.files });
      return files.tree(path);
    },
  };
}

/** Returns bytes that differ at every position of a file of up to 16 MiB. */
export function pattern(length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at++) bytes[at] = (at * 31 + (at >> 8) * 7 + (at >> 16)) & 0xff;
  return bytes;
}

/** Returns whether two arrays are equal. Much faster than `toEqual` for megabytes. */
export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
