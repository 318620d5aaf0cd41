import type { SftpLimits } from "@nacre/sftp";
import { type Bytes, type SshError, utf8DecodeLossy } from "@nacre/wire";
import { checkOptions, type StreamKind, type StreamTypes, usage, type WebStreams } from "nacre/extend";
import { readAll } from "../blocks/read.ts";
import { readStream, writeStream } from "../blocks/streams.ts";
import type { FileData } from "../blocks/write-all.ts";
import { writeFile } from "../blocks/write-file.ts";
import { checkPosition, modeAttributes } from "../channel/attributes.ts";
import { callContext } from "../channel/call.ts";
import { closeFile, encodeFlags, isAppend, type OpenFlags, openFile } from "../channel/open-file.ts";
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
  type WriteFileOptions,
  type WriteStreamOptions,
} from "../channel/options.ts";
import { join, type RemotePath, toText } from "../channel/remote-path.ts";
import type { OpenFile, SftpChannel } from "../channel/sftp-channel.ts";
import { copy, copyFile } from "./copy.ts";
import { type Dir, openDirectory, readAllEntries } from "./directory.ts";
import { FileHandle, readFileOptions, streamRange } from "./file-handle.ts";
import { glob } from "./glob.ts";
import { makeDirectories, makeDirectory } from "./make-directory.ts";
import type { ChannelOpener } from "./open-sftp.ts";
import { PathCalls } from "./path-calls.ts";
import { remove } from "./remove.ts";
import type { Dirent } from "./stats.ts";
import { readTree } from "./tree.ts";

/** The parts of an `Sftp` that transfers use. They are not public. */
export interface SftpParts {
  readonly channel: SftpChannel;
  /** Connection on which SFTP was opened, for transfers that run commands; `undefined` if it is unknown. */
  readonly opener: ChannelOpener | undefined;
}

let readParts: <K extends StreamTypes>(sftp: Sftp<K>) => SftpParts;

/** Returns the parts of an `Sftp`. */
export function partsOf<K extends StreamTypes>(sftp: Sftp<K>): SftpParts {
  return readParts(sftp);
}

/**
 * Files of the server, with the names of `node:fs/promises` and streams of kind `K`. Any number of calls can be pending; they share one
 * channel, and the server answers in any order.
 *
 * Every call rejects with an `SftpError` if the server refuses it: `code` is `"sftp-no-such-file"`, `"sftp-permission-denied"` or another
 * that begins with `sftp-`, `status` is the server's, `call` and `path` say what failed. Also rejects with `sftp-unsupported` if the server
 * lacks the request, `usage` for an invalid argument, `aborted`, or the error that ended SFTP: `closed` after `close()`.
 */
export class Sftp<K extends StreamTypes = WebStreams> extends PathCalls implements AsyncDisposable {
  /** Resolves with the reason when SFTP has ended; code `closed` after `close()`. Never rejects. */
  readonly ended: Promise<SshError>;
  readonly #channel: SftpChannel;
  readonly #streams: StreamKind<K>;
  readonly #opener: ChannelOpener | undefined;

  static {
    readParts = (sftp) => ({ channel: sftp.#channel, opener: sftp.#opener });
  }

  /** Call `sftp`, or `ssh.sftp()` on Node, instead of this constructor. */
  constructor(channel: SftpChannel, streams: StreamKind<K>, opener?: ChannelOpener) {
    super(channel);
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
  get serverLimits(): SftpLimits {
    return this.#channel.machine.serverLimits;
  }

  /**
   * Reads a file: its bytes, or text with `"utf8"`. Many requests are in flight for a long file. Ends where the file ends when it is read
   * there, if it grows or shrinks meanwhile. Rejects with `output-limit` for more than `maxLength` bytes.
   */
  readFile(path: RemotePath, options?: ReadFileOptions & { readonly encoding?: undefined }): Promise<Bytes>;
  readFile(path: RemotePath, options: "utf8" | (ReadFileOptions & { readonly encoding: "utf8" })): Promise<string>;
  async readFile(path: RemotePath, options: "utf8" | ReadFileOptions = {}): Promise<Bytes | string> {
    const { encoding, maxLength, signal } = readFileOptions(options);
    const context = callContext("readFile", toText(path), signal);
    const channel = this.#channel;
    const bytes = await channel.opens.runAgain(context, async () => {
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
    checkOptions(options, SFTP_OPTIONS.writeFile, "`writeFile`");
    if (options.atomic === true && options.flag !== undefined && options.flag !== "w")
      throw usage('`atomic` replaces the file, so `flag` must be "w" or missing');
    const context = callContext("writeFile", toText(path), options.signal);
    await writeFile(this.#channel, context.path, data, options, context);
  }

  /** Writes at the end of a file, and makes it if it does not exist. One request is in flight at a time. */
  async appendFile(path: RemotePath, data: FileData, options: AppendFileOptions = {}): Promise<void> {
    checkOptions(options, SFTP_OPTIONS.appendFile, "`appendFile`");
    const context = callContext("appendFile", toText(path), options.signal);
    await writeFile(this.#channel, context.path, data, { ...options, flag: "a" }, context);
  }

  /** Opens a file. `flags` and the permission bits of a new file are as in Node; the bits may be in the options. */
  async open(path: RemotePath, flags: OpenFlags = "r", options: number | OpenOptions = {}): Promise<FileHandle<K>> {
    const { mode, signal } = typeof options === "number" ? { mode: options, signal: undefined } : options;
    checkOptions(typeof options === "number" ? {} : options, SFTP_OPTIONS.open, "`open`");
    const context = callContext("open", toText(path), signal);
    const file = await openFile(this.#channel, context.path, flags, modeAttributes(mode), context);
    return new FileHandle(this.#channel, this.#streams, file, flags);
  }

  /**
   * Returns a stream of a file's bytes, or of the range from `start` to `end`. Many requests are in flight while it is read: at most 16 MiB
   * are requested, or received and not read. Errors fail the stream.
   */
  createReadStream(path: RemotePath, options: ReadStreamOptions = {}): K["readable"] {
    checkOptions(options, SFTP_OPTIONS.readStream, "`createReadStream`");
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
    checkOptions(options, SFTP_OPTIONS.writeStream, "`createWriteStream`");
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
    checkOptions(options, SFTP_OPTIONS.readdir, "`readdir`");
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
    checkOptions(options, SFTP_OPTIONS.call, "`opendir`");
    const context = callContext("opendir", toText(path), options.signal);
    return openDirectory(this.#channel, context.path, context);
  }

  /**
   * Makes a directory. The permission bits may be given in place of the options. With `recursive` also makes missing parents, accepts an
   * existing directory, and resolves with the first directory made.
   */
  async mkdir(path: RemotePath, options: number | MkdirOptions = {}): Promise<string | undefined> {
    const given = typeof options === "number" ? { mode: options } : options;
    checkOptions(given, SFTP_OPTIONS.mkdir, "`mkdir`");
    const context = callContext("mkdir", toText(path), given.signal);
    const make = given.recursive === true ? makeDirectories : makeDirectory;
    return (await make(this.#channel, context.path, given.mode, context)) ?? undefined;
  }

  /**
   * Removes a file, or with `recursive` a directory and everything in it. Symbolic links are removed, never followed. With `force` a
   * missing path is ignored. Stops at the first error.
   */
  async rm(path: RemotePath, options: RmOptions = {}): Promise<void> {
    checkOptions(options, SFTP_OPTIONS.rm, "`rm`");
    const context = callContext("rm", toText(path), options.signal);
    await remove(this.#channel, context.path, options, context);
  }

  /**
   * Copies a file on the server, with its permission bits. The server copies the bytes if it has copy-data; otherwise they travel both
   * ways. A copy that fails may be incomplete.
   */
  async copyFile(source: RemotePath, target: RemotePath, options: CopyFileOptions = {}): Promise<void> {
    checkOptions(options, SFTP_OPTIONS.copyFile, "`copyFile`");
    const context = callContext("copyFile", toText(source), options.signal);
    await copyFile(this.#channel, context.path, toText(target), options.force !== false, context);
  }

  /**
   * Copies a file, a symbolic link, or with `recursive` a directory on the server, as `copyFile` does. Links are copied as links. Stops at
   * the first error.
   */
  async cp(source: RemotePath, target: RemotePath, options: CpOptions = {}): Promise<void> {
    checkOptions(options, SFTP_OPTIONS.cp, "`cp`");
    const context = callContext("cp", toText(source), options.signal);
    await copy(this.#channel, context.path, toText(target), options, context);
  }

  /**
   * Iterates over the paths that match a pattern: `*` and `?` within a name, `[a-z]`, `{a,b}`, and `**` for any number of directories.
   * A leading "." of a name must be in the pattern. Does not follow links below `**`. Leaves out directories that cannot be listed.
   */
  glob(pattern: string, options: GlobOptions = {}): AsyncGenerator<string, void> {
    checkOptions(options, SFTP_OPTIONS.glob, "`glob`");
    if (typeof pattern !== "string") throw usage("a pattern must be a string");
    return glob(this.#channel, pattern, options.cwd ?? "", callContext("glob", toText(pattern), options.signal));
  }

  /** Closes SFTP. Pending calls fail with `closed`. Resolves when the channel is closed, at most two seconds later. */
  close(): Promise<void> {
    return this.#channel.close();
  }

  /** Calls `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
