import type { Attributes } from "@nacre/sftp";
import { type Bytes, utf8DecodeLossy, utf8Encode } from "@nacre/wire";
import { checkOptions, type StreamKind, type StreamTypes, usage } from "nacre/extend";
import { MAX_FILE_LENGTH, readAll, readChunks, readInto, splitLines } from "../blocks/read.ts";
import { readStream, writeStream } from "../blocks/streams.ts";
import { type FileData, writeAll } from "../blocks/write-all.ts";
import {
  checkPosition,
  modeAttributes,
  ownerAttributes,
  sizeAttributes,
  type Time,
  timeAttributes,
} from "../channel/attributes.ts";
import { type CallContext, call, callContext } from "../channel/call.ts";
import { closeFile, isAppend, type OpenFlags, setAttributes } from "../channel/open-file.ts";
import {
  type AppendFileOptions,
  type CallOptions,
  type HandleStreamOptions,
  type ReadFileOptions,
  type ReadStreamOptions,
  SFTP_OPTIONS,
  type StatOptions,
  type WriteStreamOptions,
} from "../channel/options.ts";
import type { OpenFile, SftpChannel } from "../channel/sftp-channel.ts";
import { Stats } from "./stats.ts";

/** The part of a buffer to read or write, and the position in the file. */
export interface PositionOptions extends CallOptions {
  /** First byte of the buffer; default 0. */
  readonly offset?: number | undefined;
  /** Number of bytes; default the remainder of the buffer. */
  readonly length?: number | undefined;
  /** Position in the file in bytes; default, and with `null`, after the last read or write without a position. */
  readonly position?: number | null | undefined;
}

/** Result of a read. */
export interface ReadResult<B> {
  /** Number of bytes read; 0 at the end of the file. */
  readonly bytesRead: number;
  readonly buffer: B;
}

/** Result of a write. */
export interface WriteResult<B> {
  /** Number of bytes written, always all of them. */
  readonly bytesWritten: number;
  readonly buffer: B;
}

/**
 * An open file of the server, with the names of Node's `FileHandle` and streams of kind `K`. Every call rejects with an `SftpError` if the
 * server refuses it, `sftp-unsupported` if the server lacks the request, `usage` for an invalid argument or after `close`, `aborted`, or
 * the error that ended SFTP.
 */
export class FileHandle<K extends StreamTypes> implements AsyncDisposable {
  readonly #channel: SftpChannel;
  readonly #streams: StreamKind<K>;
  readonly #opened: OpenFile;
  readonly #flags: OpenFlags;
  /** Position of the next read or write without a position. */
  #position = 0;
  #closing: Promise<void> | undefined;
  /** Pending writes. */
  readonly #writes = new Set<Promise<number>>();

  /** Call `open` instead of this constructor. */
  constructor(channel: SftpChannel, streams: StreamKind<K>, file: OpenFile, flags: OpenFlags) {
    this.#channel = channel;
    this.#streams = streams;
    this.#opened = file;
    this.#flags = flags;
  }

  /** The open file. Throws `usage` after `close`. */
  get #file(): OpenFile {
    if (this.#closing !== undefined) throw usage("the file is closed; open it again");
    return this.#opened;
  }

  /**
   * Reads into a buffer. Fills it unless the file ends before: a short result is the end of the file. The arguments after the buffer may
   * be offset, length and position, as in Node.
   */
  async read<B extends ArrayBufferView>(
    buffer: B,
    options?: PositionOptions | number | null,
    length?: number | null,
    position?: number | null,
  ): Promise<ReadResult<B>> {
    const place = placeOf(buffer, options, length, position);
    return { bytesRead: await this.#readAt([place.bytes], place.position, "read", place), buffer };
  }

  /** Reads into several buffers, one after the other. Fills them unless the file ends before. */
  async readv<B extends readonly ArrayBufferView[]>(
    buffers: B,
    position?: number | null,
    options: CallOptions = {},
  ): Promise<{ readonly bytesRead: number; readonly buffers: B }> {
    checkOptions(options, SFTP_OPTIONS.call, "`readv`");
    return { bytesRead: await this.#readAt(buffers.map(viewOf), position, "readv", options), buffers };
  }

  /**
   * Writes bytes, or text as UTF-8. Resolves when the server has written all of them. The arguments after the buffer may be offset, length
   * and position, as in Node; after text, the position.
   */
  async write<B extends ArrayBufferView | string>(
    data: B,
    options?: PositionOptions | number | null,
    length?: number | null,
    position?: number | null,
  ): Promise<WriteResult<B>> {
    const isText = typeof data === "string";
    const place =
      isText && typeof options === "number"
        ? placeOf(utf8Encode(data), { position: options })
        : placeOf(isText ? utf8Encode(data) : data, options, length, position);
    return { bytesWritten: await this.#writeAt(place.bytes, place.position, "write", place), buffer: data };
  }

  /** Writes several buffers, one after the other. */
  async writev<B extends readonly ArrayBufferView[]>(
    buffers: B,
    position?: number | null,
    options: CallOptions = {},
  ): Promise<{ readonly bytesWritten: number; readonly buffers: B }> {
    checkOptions(options, SFTP_OPTIONS.call, "`writev`");
    return { bytesWritten: await this.#writeAt(buffers.map(viewOf), position, "writev", options), buffers };
  }

  /** Reads from the current position to the end of the file: the bytes, or text with `"utf8"`. Rejects with `output-limit` too. */
  readFile(options?: ReadFileOptions & { readonly encoding?: undefined }): Promise<Bytes>;
  readFile(options: "utf8" | (ReadFileOptions & { readonly encoding: "utf8" })): Promise<string>;
  async readFile(options: "utf8" | ReadFileOptions = {}): Promise<Bytes | string> {
    const { encoding, maxLength, signal } = readFileOptions(options);
    const context = this.#context("readFile", { signal });
    const bytes = await readAll(this.#channel, this.#file, { start: this.#position }, maxLength, context);
    this.#position += bytes.length;
    return encoding === "utf8" ? utf8DecodeLossy(bytes) : bytes;
  }

  /** Writes all data at the current position. */
  async writeFile(data: FileData, options: Omit<AppendFileOptions, "mode"> = {}): Promise<void> {
    checkOptions(options, SFTP_OPTIONS.appendFile, "`writeFile`");
    await this.#writeAt(data, null, "writeFile", options);
    if (options.flush === true) await this.sync({ signal: options.signal });
  }

  /** Does what `writeFile` does: open the file with the flag `"a"` to append. */
  appendFile(data: FileData, options: Omit<AppendFileOptions, "mode"> = {}): Promise<void> {
    return this.writeFile(data, options);
  }

  /** Iterates over the lines from the current position, decoded as UTF-8, without their ends. Closes the file at the end, as Node does. */
  async *readLines(options: CallOptions = {}): AsyncGenerator<string, void> {
    checkOptions(options, SFTP_OPTIONS.call, "`readLines`");
    const context = this.#context("readLines", options);
    try {
      yield* splitLines(readChunks(this.#channel, this.#file, { start: this.#position }, context));
    } finally {
      const closing = this.close();
      // A server that answers nothing must not delay the error.
      if (options.signal?.aborted === true) closing.catch(() => {});
      else await closing;
    }
  }

  /** Returns a stream of the file's bytes. Many requests are in flight while it is read. */
  createReadStream(options: ReadStreamOptions & HandleStreamOptions = {}): K["readable"] {
    checkOptions(options, SFTP_OPTIONS.handleReadStream, "`createReadStream`");
    const { autoClose = true, start = this.#position } = options;
    const range = streamRange({ ...options, start });
    const file = { open: async () => this.#file, close: () => (autoClose ? this.close() : Promise.resolve()) };
    return readStream(this.#channel, this.#streams, file, range, this.#context("createReadStream", options));
  }

  /** Returns a stream that writes to the file. It finishes when the server has written everything. */
  createWriteStream(options: Pick<WriteStreamOptions, "start" | "signal"> & HandleStreamOptions = {}): K["writable"] {
    checkOptions(options, SFTP_OPTIONS.handleWriteStream, "`createWriteStream`");
    const { autoClose = true, start = this.#position } = options;
    checkPosition(start, "start");
    const file = { open: async () => this.#file, close: () => (autoClose ? this.close() : Promise.resolve()) };
    const place = { position: start, isAppend: isAppend(this.#flags) };
    return writeStream(this.#channel, this.#streams, file, place, this.#context("createWriteStream", options));
  }

  /** Resolves with the file's attributes. */
  stat(options?: StatOptions & { readonly bigint?: false | undefined }): Promise<Stats>;
  stat(options: StatOptions & { readonly bigint: true }): Promise<Stats<bigint>>;
  async stat(options: StatOptions = {}): Promise<Stats | Stats<bigint>> {
    checkOptions(options, SFTP_OPTIONS.stat, "`stat`");
    const { handle } = this.#file;
    const context = this.#context("stat", options);
    const { attributes } = await call(this.#channel, { type: "fstat", handle }, "attributes", context);
    return options.bigint === true ? new Stats(attributes, BigInt) : new Stats(attributes, Number);
  }

  /** Makes the server store the file durably. Needs fsync@openssh.com. */
  async sync(options: CallOptions = {}): Promise<void> {
    checkOptions(options, SFTP_OPTIONS.call, "`sync`");
    await call(this.#channel, { type: "fsync", handle: this.#file.handle }, "status", this.#context("sync", options));
  }

  /** Does what `sync` does. */
  datasync(options: CallOptions = {}): Promise<void> {
    return this.sync(options);
  }

  /** Changes the length of the file. */
  async truncate(length: number | bigint = 0, options: CallOptions = {}): Promise<void> {
    return this.#setAttributes(sizeAttributes(length), "truncate", options);
  }

  /** Changes the permission bits. */
  async chmod(mode: number, options: CallOptions = {}): Promise<void> {
    return this.#setAttributes(modeAttributes(mode), "chmod", options);
  }

  /** Changes the owner and group. */
  async chown(uid: number, gid: number, options: CallOptions = {}): Promise<void> {
    return this.#setAttributes(ownerAttributes(uid, gid), "chown", options);
  }

  /** Changes the times of last access and change. */
  async utimes(atime: Time, mtime: Time, options: CallOptions = {}): Promise<void> {
    return this.#setAttributes(timeAttributes(atime, mtime), "utimes", options);
  }

  /**
   * Closes the file. Rejects if the server reports an error, which may mean that written data is lost. No effect when SFTP has ended, or
   * the file is closed.
   */
  close(): Promise<void> {
    if (this.#channel.over !== undefined) this.#closing ??= Promise.resolve();
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    // Another server may close the file before it has written everything.
    if (!this.#channel.machine.isKnownToKeepOrder) await Promise.allSettled(this.#writes);
    await closeFile(this.#channel, this.#opened, { call: "close", path: this.#opened.path });
  }

  /** Calls `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #readAt(
    buffers: readonly Bytes[],
    position: number | null | undefined,
    name: string,
    { signal }: CallOptions,
  ): Promise<number> {
    const start = position ?? this.#position;
    checkPosition(start, "position");
    const count = await readInto(this.#channel, this.#file, buffers, start, this.#context(name, { signal }));
    if (position === null || position === undefined) this.#position = start + count;
    return count;
  }

  async #writeAt(
    data: FileData,
    position: number | null | undefined,
    name: string,
    { signal }: CallOptions,
  ): Promise<number> {
    const start = position ?? this.#position;
    checkPosition(start, "position");
    const place = { position: start, isAppend: isAppend(this.#flags) };
    const writing = writeAll(this.#channel, this.#file, data, place, this.#context(name, { signal }));
    this.#writes.add(writing);
    const count = await writing.finally(() => this.#writes.delete(writing));
    if (position === null || position === undefined) this.#position = start + count;
    return count;
  }

  #setAttributes(attributes: Attributes, name: string, options: CallOptions): Promise<void> {
    checkOptions(options, SFTP_OPTIONS.call, `\`${name}\``);
    return setAttributes(this.#channel, this.#file, attributes, this.#context(name, options));
  }

  #context(name: string, { signal }: CallOptions): CallContext {
    return callContext(name, this.#opened.path, signal);
  }
}

/** Returns checked options of `readFile`. */
export function readFileOptions(options: "utf8" | ReadFileOptions): ReadFileOptions & { readonly maxLength: number } {
  const given = options === "utf8" ? ({ encoding: options } as const) : options;
  checkOptions(given, SFTP_OPTIONS.readFile, "`readFile`");
  const { encoding, maxLength = MAX_FILE_LENGTH } = given;
  if (encoding !== undefined && encoding !== "utf8")
    throw usage('the encoding of `readFile` must be "utf8", or missing for bytes');
  if (!(maxLength >= 0)) throw usage("`maxLength` must be a number of bytes");
  return { ...given, maxLength };
}

/** Returns the range of a stream: `end` is inclusive there, as in Node. Throws `usage` for invalid positions. */
export function streamRange({ start, end }: ReadStreamOptions): { readonly start?: number; readonly end?: number } {
  checkPosition(start, "start");
  checkPosition(end, "end");
  return { ...(start !== undefined && { start }), ...(end !== undefined && { end: end + 1 }) };
}

interface Place extends CallOptions {
  readonly bytes: Bytes;
  readonly position: number | null | undefined;
}

/** Reads the arguments of `read` and `write`. */
function placeOf(
  buffer: ArrayBufferView,
  options: PositionOptions | number | null = {},
  length?: number | null,
  position?: number | null,
): Place {
  const given = typeof options === "number" || options === null ? { offset: options ?? 0, length, position } : options;
  checkOptions(given, { offset: true, length: true, position: true, signal: true }, "`read` and `write`");
  const view = viewOf(buffer);
  const { offset = 0, signal }: PositionOptions = given as PositionOptions;
  const count = given.length ?? view.length - offset;
  if (
    !(Number.isInteger(offset) && offset >= 0 && Number.isInteger(count) && count >= 0) ||
    offset + count > view.length
  )
    throw usage(`${String(count)} bytes at offset ${String(offset)} of a buffer of ${view.length} bytes`);
  return { bytes: view.subarray(offset, offset + count), position: given.position, signal };
}

/** Returns the bytes of a buffer. Throws `usage` for a value that is not a buffer. */
function viewOf(buffer: ArrayBufferView): Bytes {
  if (!ArrayBuffer.isView(buffer)) throw usage("a buffer must be a Uint8Array or another view of bytes");
  return new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.byteLength);
}
