import type { FileHandle as AnyFileHandle, Sftp as AnySftp, NearFiles } from "nacre/sftp";
import type { NodeStreams } from "./node-streams.ts";

/** SFTP with Node streams. */
export type Sftp = AnySftp<NodeStreams>;

/** An open file of the server, with Node streams. */
export type FileHandle = AnyFileHandle<NodeStreams>;

/**
 * Loads Node's file system as the near side of `upload` and `download` of `nacre/sftp`. They use an `Sftp` that is open, while the methods
 * of `Client` open one for each call.
 */
export async function loadNodeFiles(): Promise<NearFiles> {
  return (await import("./near-files.ts")).nodeFiles;
}
