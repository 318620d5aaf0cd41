import type { FileHandle as AnyFileHandle, Sftp as AnySftp, LocalFiles } from "@nacre/files";
import type { NodeStreams } from "../streams/node-streams.ts";

/** SFTP with Node streams. */
export type Sftp = AnySftp<NodeStreams>;

/** An open file of the server, with Node streams. */
export type FileHandle = AnyFileHandle<NodeStreams>;

/**
 * Loads Node's file system as the local side of `upload` and `download` of `@nacre/files`. They use an `Sftp` that is open, while the
 * methods of `Client` open one for each call.
 */
export async function loadNodeFiles(): Promise<LocalFiles> {
  return (await import("../disk/local-files.ts")).nodeFiles;
}
