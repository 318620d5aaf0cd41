/// <reference types="node" />

import { EventEmitter } from "events";
import { Callback } from "./channel";
import {
  Attributes,
  FileEntry,
  FileEntryWithStats,
  InputAttributes,
  OpenMode,
  ReadFileOptions,
  ReadStream,
  ReadStreamOptions,
  Stats,
  TransferOptions,
  WriteFileOptions,
  WriteStream,
  WriteStreamOptions,
} from "./sftp-values";

export * from "./sftp-values";

export type ClientSFTPCallback = (err: Error | undefined, sftp: SFTPWrapper) => void;

type HandleCallback = (err: Error | undefined, handle: Buffer) => void;
type StatsCallback = (err: Error | undefined, stats: Stats) => void;
type PathCallback = (err: Error | undefined, path: string) => void;
type InfoCallback = (err: Error | undefined, fsInfo: any) => void;
type Time = number | Date;

/** Requests of a client to a server. */
interface SFTPEvents {
  ready: [];
  OPEN: [reqId: number, filename: string, flags: number, attrs: Attributes];
  READ: [reqId: number, handle: Buffer, offset: number, len: number];
  WRITE: [reqId: number, handle: Buffer, offset: number, data: Buffer];
  CLOSE: [reqId: number, handle: Buffer];
  STAT: [reqId: number, path: string];
  LSTAT: [reqId: number, path: string];
  FSTAT: [reqId: number, handle: Buffer];
  SETSTAT: [reqId: number, path: string, attrs: Attributes];
  FSETSTAT: [reqId: number, handle: Buffer, attrs: Attributes];
  OPENDIR: [reqId: number, path: string];
  READDIR: [reqId: number, handle: Buffer];
  REMOVE: [reqId: number, path: string];
  MKDIR: [reqId: number, path: string, attrs: Attributes];
  RMDIR: [reqId: number, path: string];
  RENAME: [reqId: number, oldPath: string, newPath: string];
  REALPATH: [reqId: number, path: string];
  READLINK: [reqId: number, path: string];
  SYMLINK: [reqId: number, targetPath: string, linkPath: string];
  EXTENDED: [reqId: number, extName: string, extData: Buffer];
}

/** SFTP of a client; for a server, its requests are events, which the last methods answer. */
export interface SFTPWrapper extends EventEmitter {
  /** Downloads a file with many requests at a time. */
  fastGet(remotePath: string, localPath: string, options: TransferOptions, callback: Callback): void;
  fastGet(remotePath: string, localPath: string, callback: Callback): void;
  /** Uploads a file with many requests at a time. */
  fastPut(localPath: string, remotePath: string, options: TransferOptions, callback: Callback): void;
  fastPut(localPath: string, remotePath: string, callback: Callback): void;

  createReadStream(path: string, options?: ReadStreamOptions): ReadStream;
  createWriteStream(path: string, options?: WriteStreamOptions): WriteStream;
  readFile(remotePath: string, options: ReadFileOptions, callback: HandleCallback): void;
  readFile(remotePath: string, encoding: BufferEncoding, callback: HandleCallback): void;
  readFile(remotePath: string, callback: HandleCallback): void;
  writeFile(remotePath: string, data: string | Buffer, options: WriteFileOptions, callback?: Callback): void;
  writeFile(remotePath: string, data: string | Buffer, encoding: string, callback?: Callback): void;
  writeFile(remotePath: string, data: string | Buffer, callback?: Callback): void;
  appendFile(remotePath: string, data: string | Buffer, options: WriteFileOptions, callback?: Callback): void;
  appendFile(remotePath: string, data: string | Buffer, callback?: Callback): void;
  exists(path: string, callback: (hasError: boolean) => void): void;

  open(filename: string, mode: number | OpenMode, attributes: InputAttributes, callback: HandleCallback): void;
  open(filename: string, mode: number | OpenMode, attributes: string | number, callback: HandleCallback): void;
  open(filename: string, mode: number | OpenMode, callback: HandleCallback): void;
  close(handle: Buffer, callback: Callback): void;
  read(
    handle: Buffer,
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (err: Error | undefined, bytesRead: number, buffer: Buffer, position: number) => void,
  ): void;
  write(handle: Buffer, buffer: Buffer, offset: number, length: number, position: number, callback: Callback): void;

  stat(path: string, callback: StatsCallback): void;
  lstat(path: string, callback: StatsCallback): void;
  fstat(handle: Buffer, callback: StatsCallback): void;
  setstat(path: string, attributes: InputAttributes, callback: Callback): void;
  fsetstat(handle: Buffer, attributes: InputAttributes, callback: Callback): void;
  utimes(path: string, atime: Time, mtime: Time, callback: Callback): void;
  futimes(handle: Buffer, atime: Time, mtime: Time, callback: Callback): void;
  chown(path: string, uid: number, gid: number, callback: Callback): void;
  fchown(handle: Buffer, uid: number, gid: number, callback: Callback): void;
  chmod(path: string, mode: number | string, callback: Callback): void;
  fchmod(handle: Buffer, mode: number | string, callback: Callback): void;

  opendir(path: string, callback: HandleCallback): void;
  /** Lists a directory. With a handle, returns the next entries of it. */
  readdir(location: string | Buffer, callback: (err: Error | undefined, list: FileEntryWithStats[]) => void): void;
  mkdir(path: string, attributes: InputAttributes, callback: Callback): void;
  mkdir(path: string, callback: Callback): void;
  rmdir(path: string, callback: Callback): void;
  unlink(path: string, callback: Callback): void;
  rename(srcPath: string, destPath: string, callback: Callback): void;
  readlink(path: string, callback: PathCallback): void;
  symlink(targetPath: string, linkPath: string, callback: Callback): void;
  realpath(path: string, callback: PathCallback): void;

  ext_openssh_rename(srcPath: string, destPath: string, callback: Callback): void;
  ext_openssh_statvfs(path: string, callback: InfoCallback): void;
  ext_openssh_fstatvfs(handle: Buffer, callback: InfoCallback): void;
  ext_openssh_hardlink(targetPath: string, linkPath: string, callback: Callback): void;
  ext_openssh_fsync(handle: Buffer, callback: InfoCallback): void;
  ext_openssh_lsetstat(path: string, attrs: InputAttributes, callback: Callback): void;
  ext_openssh_lsetstat(path: string, callback: Callback): void;
  ext_openssh_expandPath(path: string, callback: PathCallback): void;
  /** Returns the home directory of a user. */
  ext_home_dir(username: string, callback: PathCallback): void;
  /** Returns the names of users and of groups with these numbers. */
  ext_users_groups(
    uids: number[],
    gids: number[],
    callback: (err: Error | undefined, usernames: string[], groupnames: string[]) => void,
  ): void;
  ext_copy_data(
    handle: Buffer,
    srcOffset: number,
    len: number,
    dstHandle: Buffer,
    dstOffset: number,
    callback: Callback,
  ): void;

  on<E extends keyof SFTPEvents>(event: E, listener: (...values: SFTPEvents[E]) => void): this;
  on(event: string | symbol, listener: Function): this;
  once<E extends keyof SFTPEvents>(event: E, listener: (...values: SFTPEvents[E]) => void): this;
  once(event: string | symbol, listener: Function): this;

  /** Replies with a code of `utils.sftp.STATUS_CODE`. */
  status(reqId: number, code: number, message?: string): void;
  handle(reqId: number, handle: Buffer): void;
  data(reqId: number, data: Buffer | string, encoding?: BufferEncoding): void;
  name(reqId: number, names: FileEntry[]): void;
  attrs(reqId: number, attrs: Attributes): void;

  end(): void;
  destroy(): void;
}

export {};
