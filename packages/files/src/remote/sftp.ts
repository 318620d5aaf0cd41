import {
  type Attributes,
  decodePath,
  type ServerLimits,
  type SftpClientRequest,
  SSH_FX,
  type UsersGroups,
} from "@nacre/sftp";
import { type Bytes, type SshError, utf8DecodeLossy } from "@nacre/wire";
import { checkNames, type StreamKind, type StreamTypes, usage, type WebStreams } from "nacre/extend";
import { readAll } from "../blocks/read.ts";
import { readStream, writeStream } from "../blocks/streams.ts";
import type { FileData } from "../blocks/write-all.ts";
import { writeFile } from "../blocks/write-file.ts";
import {
  checkPosition,
  modeAttributes,
  ownerAttributes,
  sizeAttributes,
  type Time,
  timeAttributes,
} from "./attributes.ts";
import { call, callContext, hasStatus } from "./call.ts";
import { copy, copyFile } from "./copy.ts";
import { type Dir, openDirectory, readAllEntries } from "./directory.ts";
import { FileHandle, readFileOptions, streamRange } from "./file-handle.ts";
import { glob } from "./glob.ts";
import { makeDirectories, makeDirectory } from "./make-directory.ts";
import { closeFile, encodeFlags, isAppend, type OpenFlags, openFile, renameFile } from "./open-file.ts";
import type { ChannelOpener } from "./open-sftp.ts";
import {
  type AppendFileOptions,
  type CallOptions,
  type CopyFileOptions,
  type CpOptions,
  type GlobOptions,
  type MkdirOptions,
  type OpenOptions,
  type ReaddirOptions,
  type ReadFileOptions,
  type ReadStreamOptions,
  type RmOptions,
  SFTP_OPTIONS,
  type StatOptions,
  type WriteFileOptions,
  type WriteStreamOptions,
} from "./options.ts";
import { join, type RemotePath, toBytes, toText } from "./remote-path.ts";
import { remove, removeFile } from "./remove.ts";
import type { OpenFile, SftpChannel } from "./sftp-channel.ts";
import { type Dirent, type StatFs, Stats, statFs } from "./stats.ts";
import { readTree } from "./tree.ts";

/**
 * Files of the server, with the names of `node:fs/promises` and streams of kind `K`. Any number of calls can be under way; they share one
 * channel, and the server answers in any order.
 *
 * Every call rejects with an `SftpError` if the server refuses it: `code` is `"sftp-no-such-file"`, `"sftp-permission-denied"` or another
 * that begins with `sftp-`, `status` is the server's, `call` and `path` say what failed. Also rejects with `sftp-unsupported` if the server
 * lacks the request, `usage` for an invalid argument, `aborted`, or the error that ended SFTP: `closed` after `close()`.
 */
export class Sftp<K extends StreamTypes = WebStreams> implements AsyncDisposable {
  /** Resolves with the reason when SFTP has ended; code `closed` after `close()`. Never rejects. */
  readonly ended: Promise<SshError>;
  readonly #channel: SftpChannel;
  readonly #streams: StreamKind<K>;
  readonly #opener: ChannelOpener | undefined;

  /** Call `sftp`, or `ssh.sftp()` on Node, instead of this constructor. */
  constructor(channel: SftpChannel, streams: StreamKind<K>, opener?: ChannelOpener) {
    this.#channel = channel;
    this.#streams = streams;
    this.#opener = opener;
    this.ended = channel.ended;
  }

  /** Extensions that the server announced, with their versions: `"fsync@openssh.com"` has `"1"`. */
  get extensions(): ReadonlyMap<string, string> {
    return new Map([...this.#channel.machine.extensions].map(([name, data]) => [name, utf8DecodeLossy(data)]));
  }

  /** Limits that the server stated (limits@openssh.com), or those that every server has. */
  get serverLimits(): ServerLimits {
    return this.#channel.machine.serverLimits;
  }

  /** Channel and requests below this object, for transfers that send requests of their own. */
  get channel(): SftpChannel {
    return this.#channel;
  }

  /** The connection on which SFTP was opened, for transfers that run commands; `undefined` if it is unknown. */
  get opener(): ChannelOpener | undefined {
    return this.#opener;
  }

  /**
   * Reads a file: its bytes, or text with `"utf8"`. Many requests are under way for a long file. Ends where the file ends when it is read
   * there, if it grows or shrinks meanwhile. Rejects with `output-limit` for more than `maxLength` bytes.
   */
  readFile(path: RemotePath, options?: ReadFileOptions & { readonly encoding?: undefined }): Promise<Bytes>;
  readFile(path: RemotePath, options: "utf8" | (ReadFileOptions & { readonly encoding: "utf8" })): Promise<string>;
  async readFile(path: RemotePath, options: "utf8" | ReadFileOptions = {}): Promise<Bytes | string> {
    const { encoding, maxLength, signal } = readFileOptions(options);
    const context = callContext("readFile", toText(path), signal);
    const channel = this.#channel;
    const bytes = await channel.turns.runAgain(async () => {
      const file = await openFile(channel, context.path, "r", {}, context);
      try {
        return await readAll(channel, file, {}, maxLength, context);
      } finally {
        channel.release(file.handle);
      }
    });
    return encoding === "utf8" ? utf8DecodeLossy(bytes) : bytes;
  }

  /**
   * Writes a file, replacing its contents: text as UTF-8, bytes, or a stream or iterable of both. Resolves when the server has written
   * everything. After a failure the file is incomplete.
   *
   * With `atomic`, readers see the old or the new contents, and a failure leaves the old ones. That needs posix-rename@openssh.com if the
   * file exists, and replaces a symbolic link itself. The new file has the permission bits of the old one unless `mode` is given. It is
   * stored durably first if the server has fsync@openssh.com.
   */
  async writeFile(path: RemotePath, data: FileData, options: WriteFileOptions = {}): Promise<void> {
    checkNames(options, SFTP_OPTIONS.writeFile, "`writeFile`");
    if (options.atomic === true && options.flag !== undefined && options.flag !== "w")
      throw usage('`atomic` replaces the file, so `flag` must be "w" or missing');
    const context = callContext("writeFile", toText(path), options.signal);
    await writeFile(this.#channel, context.path, data, options, context);
  }

  /** Writes at the end of a file, and makes it if it does not exist. One request is under way at a time. */
  async appendFile(path: RemotePath, data: FileData, options: AppendFileOptions = {}): Promise<void> {
    checkNames(options, SFTP_OPTIONS.appendFile, "`appendFile`");
    const context = callContext("appendFile", toText(path), options.signal);
    await writeFile(this.#channel, context.path, data, { ...options, flag: "a" }, context);
  }

  /** Opens a file. `flags` and the permission bits of a new file are as in Node; the bits may be in the options. */
  async open(path: RemotePath, flags: OpenFlags = "r", options: number | OpenOptions = {}): Promise<FileHandle<K>> {
    const { mode, signal } = typeof options === "number" ? { mode: options, signal: undefined } : options;
    checkNames(typeof options === "number" ? {} : options, SFTP_OPTIONS.open, "`open`");
    const context = callContext("open", toText(path), signal);
    const file = await openFile(this.#channel, context.path, flags, modeAttributes(mode), context);
    return new FileHandle(this.#channel, this.#streams, file, flags);
  }

  /**
   * Returns a stream of a file's bytes, or of the range from `start` to `end`. Many requests are under way while it is read: at most 16 MiB
   * are requested, or received and not read. Errors fail the stream.
   */
  createReadStream(path: RemotePath, options: ReadStreamOptions = {}): K["readable"] {
    checkNames(options, SFTP_OPTIONS.readStream, "`createReadStream`");
    const range = streamRange(options);
    const context = callContext("createReadStream", toText(path), options.signal);
    const file = {
      open: () => openFile(this.#channel, context.path, "r", {}, context),
      close: async ({ handle }: OpenFile) => this.#channel.release(handle),
    };
    return readStream(this.#channel, this.#streams, file, range, context);
  }

  /**
   * Returns a stream that writes a file. It finishes when the server has written everything and closed the file. Errors fail the stream;
   * the file is then incomplete.
   */
  createWriteStream(path: RemotePath, options: WriteStreamOptions = {}): K["writable"] {
    checkNames(options, SFTP_OPTIONS.writeStream, "`createWriteStream`");
    const { flags = "w", mode, start } = options;
    encodeFlags(flags);
    checkPosition(start, "start");
    const attributes = modeAttributes(mode);
    const context = callContext("createWriteStream", toText(path), options.signal);
    const file = {
      open: () => openFile(this.#channel, context.path, flags, attributes, context),
      close: (opened: OpenFile) => closeFile(this.#channel, opened, context),
    };
    const place = { position: start, isAppend: isAppend(flags) };
    return writeStream(this.#channel, this.#streams, file, place, context);
  }

  /** Resolves with the attributes of a file; of the target if it is a symbolic link. */
  stat(path: RemotePath, options?: StatOptions & { readonly bigint?: false | undefined }): Promise<Stats>;
  stat(path: RemotePath, options: StatOptions & { readonly bigint: true }): Promise<Stats<bigint>>;
  async stat(path: RemotePath, options: StatOptions = {}): Promise<Stats | Stats<bigint>> {
    return this.#stat("stat", path, options);
  }

  /** Resolves with the attributes of a file; of the link itself if it is a symbolic link. */
  lstat(path: RemotePath, options?: StatOptions & { readonly bigint?: false | undefined }): Promise<Stats>;
  lstat(path: RemotePath, options: StatOptions & { readonly bigint: true }): Promise<Stats<bigint>>;
  async lstat(path: RemotePath, options: StatOptions = {}): Promise<Stats | Stats<bigint>> {
    return this.#stat("lstat", path, options);
  }

  /** Resolves with facts about the file system that holds a file. Needs statvfs@openssh.com. */
  statfs(path: RemotePath, options?: StatOptions & { readonly bigint?: false | undefined }): Promise<StatFs>;
  statfs(path: RemotePath, options: StatOptions & { readonly bigint: true }): Promise<StatFs<bigint>>;
  async statfs(path: RemotePath, options: StatOptions = {}): Promise<StatFs | StatFs<bigint>> {
    checkNames(options, SFTP_OPTIONS.stat, "`statfs`");
    const context = callContext("statfs", toText(path), options.signal);
    const { statvfs } = await call(this.#channel, { type: "statvfs", path: toBytes(path) }, "statvfs", context);
    return options.bigint === true ? statFs<bigint>(statvfs, BigInt) : statFs<number>(statvfs, Number);
  }

  /**
   * Lists a directory, without "." and "..", in the server's order: names, or `Dirent` objects with `withFileTypes`. A name that is not
   * UTF-8 is returned in a form that every call takes (`decodePath`). Rejects with `output-limit` for more than 1,048,576 entries, or 256
   * directories below each other; `opendir` has no limit.
   */
  readdir(
    path: RemotePath,
    options?: ReaddirOptions & { readonly withFileTypes?: false | undefined },
  ): Promise<string[]>;
  readdir(path: RemotePath, options: ReaddirOptions & { readonly withFileTypes: true }): Promise<Dirent[]>;
  async readdir(path: RemotePath, options: ReaddirOptions = {}): Promise<string[] | Dirent[]> {
    checkNames(options, SFTP_OPTIONS.readdir, "`readdir`");
    const context = callContext("readdir", toText(path), options.signal);
    const entries =
      options.recursive === true
        ? await readTree(this.#channel, context.path, context)
        : await readAllEntries(this.#channel, context.path, context);
    if (options.withFileTypes === true) return entries;
    const prefix = join(context.path, "").length;
    return entries.map(({ parentPath, name }) =>
      parentPath === context.path ? name : join(parentPath.slice(prefix), name),
    );
  }

  /** Opens a directory for iteration, for directories too large to list at once. */
  async opendir(path: RemotePath, options: CallOptions = {}): Promise<Dir> {
    checkNames(options, SFTP_OPTIONS.call, "`opendir`");
    const context = callContext("opendir", toText(path), options.signal);
    return openDirectory(this.#channel, context.path, context);
  }

  /**
   * Makes a directory. The permission bits may be given in place of the options. With `recursive` also makes missing parents, accepts an
   * existing directory, and resolves with the first directory made.
   */
  async mkdir(path: RemotePath, options: number | MkdirOptions = {}): Promise<string | undefined> {
    const given = typeof options === "number" ? { mode: options } : options;
    checkNames(given, SFTP_OPTIONS.mkdir, "`mkdir`");
    const context = callContext("mkdir", toText(path), given.signal);
    const make = given.recursive === true ? makeDirectories : makeDirectory;
    return (await make(this.#channel, context.path, given.mode, context)) ?? undefined;
  }

  /** Removes an empty directory. */
  rmdir(path: RemotePath, options: CallOptions = {}): Promise<void> {
    return this.#send("rmdir", path, options, (bytes) => ({ type: "rmdir", path: bytes }));
  }

  /** Removes a file or a symbolic link. */
  async unlink(path: RemotePath, options: CallOptions = {}): Promise<void> {
    checkNames(options, SFTP_OPTIONS.call, "`unlink`");
    const context = callContext("unlink", toText(path), options.signal);
    await removeFile(this.#channel, context.path, context);
  }

  /**
   * Removes a file, or with `recursive` a directory and everything in it. Symbolic links are removed, never followed. With `force` a
   * missing path is ignored. Stops at the first error.
   */
  async rm(path: RemotePath, options: RmOptions = {}): Promise<void> {
    checkNames(options, SFTP_OPTIONS.rm, "`rm`");
    const context = callContext("rm", toText(path), options.signal);
    await remove(this.#channel, context.path, options, context);
  }

  /**
   * Renames a file or directory. Replaces an existing file in one step if the server has posix-rename@openssh.com; otherwise an existing
   * file is an error.
   */
  async rename(oldPath: RemotePath, newPath: RemotePath, options: CallOptions = {}): Promise<void> {
    checkNames(options, SFTP_OPTIONS.call, "`rename`");
    await renameFile(
      this.#channel,
      toText(oldPath),
      toText(newPath),
      callContext("rename", toText(oldPath), options.signal),
    );
  }

  /** Makes a hard link `newPath` to a file. Needs hardlink@openssh.com. */
  link(existingPath: RemotePath, newPath: RemotePath, options: CallOptions = {}): Promise<void> {
    return this.#send("link", newPath, options, (bytes) => ({
      type: "hardlink",
      oldPath: toBytes(existingPath),
      newPath: bytes,
    }));
  }

  /** Makes a symbolic link `path` to `target`. A relative target is relative to the link's directory. */
  symlink(target: RemotePath, path: RemotePath, options: CallOptions = {}): Promise<void> {
    return this.#send("symlink", path, options, (bytes) => ({
      type: "symlink",
      targetPath: toBytes(target),
      linkPath: bytes,
    }));
  }

  /** Resolves with the target of a symbolic link. Text from the server: escape it before display. */
  async readlink(path: RemotePath, options: CallOptions = {}): Promise<string> {
    checkNames(options, SFTP_OPTIONS.call, "`readlink`");
    const request = { type: "readlink", path: toBytes(path) } as const;
    return decodePath(
      (await call(this.#channel, request, "name", callContext("readlink", toText(path), options.signal))).name.filename,
    );
  }

  /** Resolves with the absolute path without links. `realpath(".")` is the user's directory. Some servers accept a missing file. */
  async realpath(path: RemotePath, options: CallOptions = {}): Promise<string> {
    checkNames(options, SFTP_OPTIONS.call, "`realpath`");
    const request = { type: "realpath", path: toBytes(path) } as const;
    return decodePath(
      (await call(this.#channel, request, "name", callContext("realpath", toText(path), options.signal))).name.filename,
    );
  }

  /**
   * Resolves with the absolute path of a path that may begin with `~` or `~user`. Needs expand-path@openssh.com. Text from the server: escape
   * it before display.
   */
  async expandPath(path: RemotePath, options: CallOptions = {}): Promise<string> {
    checkNames(options, SFTP_OPTIONS.call, "`expandPath`");
    const request = { type: "expand-path", path: toBytes(path) } as const;
    const context = callContext("expandPath", toText(path), options.signal);
    return decodePath((await call(this.#channel, request, "name", context)).name.filename);
  }

  /**
   * Resolves with the names of users and groups, each in the order of the ids; "" for an unknown id. Needs users-groups-by-id@openssh.com.
   * Text from the server: escape it before display.
   */
  async usersGroups(uids: readonly number[], gids: readonly number[], options: CallOptions = {}): Promise<UsersGroups> {
    checkNames(options, SFTP_OPTIONS.call, "`usersGroups`");
    const context = callContext("usersGroups", undefined, options.signal);
    const request = { type: "users-groups-by-id", uids, gids } as const;
    const { users, groups } = await call(this.#channel, request, "users-groups", context);
    return { users, groups };
  }

  /** Changes the permission bits of a file. Follows symbolic links. */
  async chmod(path: RemotePath, mode: number, options: CallOptions = {}): Promise<void> {
    return this.#setAttributes("chmod", path, modeAttributes(mode), options);
  }

  /** Changes the owner and group of a file. Follows symbolic links. */
  async chown(path: RemotePath, uid: number, gid: number, options: CallOptions = {}): Promise<void> {
    return this.#setAttributes("chown", path, ownerAttributes(uid, gid), options);
  }

  /** Changes the owner and group of a file, or of a symbolic link itself. Needs lsetstat@openssh.com. */
  async lchown(path: RemotePath, uid: number, gid: number, options: CallOptions = {}): Promise<void> {
    return this.#setAttributes("lchown", path, ownerAttributes(uid, gid), options);
  }

  /** Changes the times of last access and change of a file. Follows symbolic links. */
  async utimes(path: RemotePath, atime: Time, mtime: Time, options: CallOptions = {}): Promise<void> {
    return this.#setAttributes("utimes", path, timeAttributes(atime, mtime), options);
  }

  /** Changes the times of a file, or of a symbolic link itself. Needs lsetstat@openssh.com. */
  async lutimes(path: RemotePath, atime: Time, mtime: Time, options: CallOptions = {}): Promise<void> {
    return this.#setAttributes("lutimes", path, timeAttributes(atime, mtime), options);
  }

  /** Changes the length of a file. New bytes are 0. */
  async truncate(path: RemotePath, length: number | bigint = 0, options: CallOptions = {}): Promise<void> {
    return this.#setAttributes("truncate", path, sizeAttributes(length), options);
  }

  /** Rejects unless a file exists. SFTP cannot ask for the user's rights: open the file to find out. */
  async access(path: RemotePath, options: CallOptions = {}): Promise<void> {
    checkNames(options, SFTP_OPTIONS.call, "`access`");
    await this.#stat("stat", path, options, "access");
  }

  /** Resolves with whether a file exists; false for a symbolic link without target. Rejects if the server cannot tell. */
  async exists(path: RemotePath, options: CallOptions = {}): Promise<boolean> {
    try {
      await this.access(path, options);
      return true;
    } catch (error) {
      if (hasStatus(error, SSH_FX.NO_SUCH_FILE)) return false;
      throw error;
    }
  }

  /**
   * Copies a file on the server, with its permission bits. The server copies the bytes if it has copy-data; otherwise they travel both ways.
   * A copy that fails may be incomplete.
   */
  async copyFile(source: RemotePath, target: RemotePath, options: CopyFileOptions = {}): Promise<void> {
    checkNames(options, SFTP_OPTIONS.copyFile, "`copyFile`");
    const context = callContext("copyFile", toText(source), options.signal);
    await copyFile(this.#channel, context.path, toText(target), options.force !== false, context);
  }

  /**
   * Copies a file, a symbolic link, or with `recursive` a directory on the server, as `copyFile` does. Links are copied as links. Stops at
   * the first error.
   */
  async cp(source: RemotePath, target: RemotePath, options: CpOptions = {}): Promise<void> {
    checkNames(options, SFTP_OPTIONS.cp, "`cp`");
    const context = callContext("cp", toText(source), options.signal);
    await copy(this.#channel, context.path, toText(target), options, context);
  }

  /**
   * Iterates over the paths that match a pattern: `*` and `?` within a name, `[a-z]`, `{a,b}`, and `**` for any number of directories.
   * A leading "." of a name must be in the pattern. Does not follow links below `**`. Leaves out directories that cannot be listed.
   */
  glob(pattern: string, options: GlobOptions = {}): AsyncGenerator<string, void> {
    checkNames(options, SFTP_OPTIONS.glob, "`glob`");
    if (typeof pattern !== "string") throw usage("a pattern must be a string");
    return glob(this.#channel, pattern, options.cwd ?? "", callContext("glob", toText(pattern), options.signal));
  }

  /** Closes SFTP. Calls under way fail with `closed`. Resolves when the channel is closed, at most two seconds later. */
  close(): Promise<void> {
    return this.#channel.close();
  }

  /** Calls `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #stat(
    type: "stat" | "lstat",
    path: RemotePath,
    options: StatOptions,
    name: string = type,
  ): Promise<Stats | Stats<bigint>> {
    checkNames(options, SFTP_OPTIONS.stat, `\`${name}\``);
    const context = callContext(name, toText(path), options.signal);
    const { attributes } = await call(this.#channel, { type, path: toBytes(path) }, "attributes", context);
    return options.bigint === true ? new Stats(attributes, BigInt) : new Stats(attributes, Number);
  }

  #setAttributes(name: string, path: RemotePath, attributes: Attributes, options: CallOptions): Promise<void> {
    const type = name.startsWith("l") ? "lsetstat" : "setstat";
    return this.#send(name, path, options, (bytes) => ({ type, path: bytes, attributes }));
  }

  async #send(
    name: string,
    path: RemotePath,
    options: CallOptions,
    makeRequest: (path: Bytes) => SftpClientRequest,
  ): Promise<void> {
    checkNames(options, SFTP_OPTIONS.call, `\`${name}\``);
    await call(this.#channel, makeRequest(toBytes(path)), "status", callContext(name, toText(path), options.signal));
  }
}
