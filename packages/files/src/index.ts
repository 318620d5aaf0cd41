// The published declarations keep the reference below, for programs whose `lib` lacks AsyncDisposable.
/// <reference lib="esnext.disposable" preserve="true" />

import { webStreams } from "nacre/extend";
import type { OpenSftpOptions } from "./channel/options.ts";
import { type ChannelOpener, openSftp } from "./remote/open-sftp.ts";
import type { Sftp } from "./remote/sftp.ts";

export {
  type CalendarTime,
  decodePath,
  encodePath,
  type FailedCall,
  listingTime,
  modeText,
  SftpError,
  type SftpLimits,
  SSH_FX,
  type UsersGroups,
} from "@nacre/sftp";
export type { FileData } from "./blocks/write-all.ts";
export type { Time } from "./channel/attributes.ts";
export type { OpenFlags } from "./channel/open-file.ts";
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
} from "./channel/options.ts";
export type { RemotePath } from "./channel/remote-path.ts";
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
export { nameProblem, WrittenNames } from "./local/names.ts";
export type { Dir } from "./remote/directory.ts";
export type { FileHandle, PositionOptions, ReadResult, WriteResult } from "./remote/file-handle.ts";
export { expandBraces, matchesName } from "./remote/glob.ts";
export { type ChannelOpener, type DigestExecOptions, type DigestExecResult, openSftp } from "./remote/open-sftp.ts";
export type { Sftp } from "./remote/sftp.ts";
export type { Dirent, StatFs, Stats } from "./remote/stats.ts";
export {
  copy,
  download,
  type LocalPattern,
  type RemotePattern,
  type UploadSource,
  upload,
} from "./transfer/index.ts";
export type {
  FailedEntry,
  ResumedEntry,
  SkippedEntry,
  TransferEntry,
  TransferOptions,
  TransferProgress,
  TransferResult,
  TransferredFile,
  UnsetEntry,
  UnverifiedEntry,
  UploadOptions,
} from "./transfer/options.ts";
export type { TransferSink } from "./transfer/sides/streams.ts";

/** Opens SFTP on a connection, with Web streams. Use `await using`, or call `close()` in the end. Rejects like `openSftp`. */
export function sftp(ssh: ChannelOpener, options?: OpenSftpOptions): Promise<Sftp> {
  return openSftp(ssh, webStreams, options);
}
