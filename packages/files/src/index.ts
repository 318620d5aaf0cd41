// The published declarations keep the reference below, for programs whose `lib` lacks AsyncDisposable.
/// <reference lib="esnext.disposable" preserve="true" />

import { webStreams } from "nacre/extend";
import { type ChannelOpener, openSftp } from "./remote/open-sftp.ts";
import type { OpenSftpOptions } from "./remote/options.ts";
import type { Sftp } from "./remote/sftp.ts";

export {
  type CalendarTime,
  decodePath,
  encodePath,
  listingTime,
  modeText,
  SftpError,
  SSH_FX,
  type UsersGroups,
} from "@nacre/sftp";
export { BlockReader, type BlockSink, type ReadRange } from "./blocks/block-reader.ts";
export { type BlockSource, BlockWriter } from "./blocks/block-writer.ts";
export type { FileData } from "./blocks/write-all.ts";
export type {
  LocalAttributes,
  LocalDirectory,
  LocalEntry,
  LocalFiles,
  LocalFileType,
  LocalPartial,
  LocalPath,
  LocalReader,
  LocalStats,
  LocalWriter,
  Sha256,
} from "./local/local-files.ts";
export { nameProblem } from "./local/names.ts";
export type { Time } from "./remote/attributes.ts";
export type { Dir } from "./remote/directory.ts";
export { FileHandle, type PositionOptions, type ReadResult, type WriteResult } from "./remote/file-handle.ts";
export { expandBraces, matchesName } from "./remote/glob.ts";
export type { OpenFlags } from "./remote/open-file.ts";
export { type ChannelOpener, type DigestExecOptions, type DigestExecResult, openSftp } from "./remote/open-sftp.ts";
export type {
  AppendFileOptions,
  CallOptions,
  CopyFileOptions,
  CpOptions,
  GlobOptions,
  HandleStreamOptions,
  MkdirOptions,
  OpenOptions,
  OpenSftpOptions,
  ReaddirOptions,
  ReadFileOptions,
  ReadStreamOptions,
  RmOptions,
  StatOptions,
  WriteFileOptions,
  WriteStreamOptions,
} from "./remote/options.ts";
export type { RemotePath } from "./remote/remote-path.ts";
export { Sftp } from "./remote/sftp.ts";
export type { OpenFile, SftpChannel } from "./remote/sftp-channel.ts";
export { Dirent, type StatFs, Stats } from "./remote/stats.ts";
export type {
  FailedEntry,
  ResumedEntry,
  SkippedEntry,
  TransferEntry,
  TransferOptions,
  TransferProgress,
  TransferResult,
  TransferredFile,
  UnverifiedEntry,
  UploadOptions,
} from "./transfer/options.ts";
export type { TransferSink } from "./transfer/stream-ends.ts";
export {
  copy,
  download,
  type LocalPattern,
  type RemotePattern,
  type UploadSource,
  upload,
} from "./transfer/upload-download.ts";

/** Opens SFTP on a connection, with Web streams. Use `await using`, or call `close()` in the end. Rejects like `openSftp`. */
export function sftp(ssh: ChannelOpener, options?: OpenSftpOptions): Promise<Sftp> {
  return openSftp(ssh, webStreams, options);
}
