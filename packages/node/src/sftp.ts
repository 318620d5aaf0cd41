import type { FileHandle as AnyFileHandle, Sftp as AnySftp } from "nacre/sftp";
import type { NodeStreams } from "./node-streams.ts";

/** SFTP with Node streams. */
export type Sftp = AnySftp<NodeStreams>;

/** An open file of the server, with Node streams. */
export type FileHandle = AnyFileHandle<NodeStreams>;
