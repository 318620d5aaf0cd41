// The published declarations keep the reference below, for programs whose `lib` lacks AsyncDisposable.
/// <reference lib="esnext.disposable" preserve="true" />
import { type ChannelOpener, openSftp } from "./sftp/open-sftp.ts";
import type { OpenSftpOptions } from "./sftp/options.ts";
import type { Sftp } from "./sftp/sftp.ts";
import { webStreams } from "./streams/web-streams.ts";

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
export type { Time } from "./sftp/attributes.ts";
export { BlockReader, type BlockSink, type ReadRange } from "./sftp/block-reader.ts";
export { type BlockSource, BlockWriter } from "./sftp/block-writer.ts";
export type { Dir } from "./sftp/directory.ts";
export { FileHandle, type PositionOptions, type ReadResult, type WriteResult } from "./sftp/file-handle.ts";
export { expandBraces, matchesName } from "./sftp/glob.ts";
export type { OpenFlags } from "./sftp/open-flags.ts";
export { type ChannelOpener, type DigestExecOptions, type DigestExecResult, openSftp } from "./sftp/open-sftp.ts";
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
} from "./sftp/options.ts";
export type { RemotePath } from "./sftp/remote-path.ts";
export { Sftp } from "./sftp/sftp.ts";
export type { OpenFile, SftpChannel } from "./sftp/sftp-channel.ts";
export { Dirent, type StatFs, Stats } from "./sftp/stats.ts";
export { nameProblem } from "./sftp/transfer/names.ts";
export type {
  NearAttributes,
  NearDirectory,
  NearEntry,
  NearFiles,
  NearFileType,
  NearPartial,
  NearPath,
  NearReader,
  NearStats,
  NearWriter,
  Sha256,
  ShortFileAttributes,
} from "./sftp/transfer/near-files.ts";
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
} from "./sftp/transfer/options.ts";
export type { TransferSink } from "./sftp/transfer/stream-ends.ts";
export {
  copy,
  download,
  type NearPattern,
  type RemotePattern,
  type UploadSource,
  upload,
} from "./sftp/transfer/upload-download.ts";
export type { FileData } from "./sftp/write-all.ts";

/** Opens SFTP on a connection, with Web streams. Use `await using`, or call `close()` in the end. Rejects like `openSftp`. */
export function sftp(ssh: ChannelOpener, options?: OpenSftpOptions): Promise<Sftp> {
  return openSftp(ssh, webStreams, options);
}
