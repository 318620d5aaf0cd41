import { Writable, type WritableOptions } from "node:stream";
import type { BlockWriter } from "@nacre/files/blocks";
import { NEW_MODE } from "./attributes.ts";
import { type FileSource, RemoteFile } from "./remote-file.ts";
import type { SFTP } from "./sftp.ts";
import { callFromStream, checkFilePosition, closeFile, type StreamOptions, streamOptions } from "./stream-options.ts";

/** Options of `createWriteStream`. */
export type WriteStreamOptions = StreamOptions;

type Done = (error?: Error | null) => void;

/**
 * A stream that writes to a file, with many requests in flight. Emits "open", "ready", "finish" when the server has written everything, and
 * "close" when it has closed the file. The callback of a write is called when the server has written it. A failure emits "error", then
 * "close" if the file is closed by itself.
 */
export class WriteStream extends Writable {
  path: string;
  flags: string;
  mode: number | string;
  start: number | undefined;
  autoClose: boolean;
  /** Position of the next byte to send. */
  pos = 0;
  /** Number of bytes that the server has written. */
  bytesWritten = 0;
  isClosed = false;
  /** Handle of the open file; null before and afterwards. If the program sets it to null, the stream does not close the file. */
  handle: Buffer | null;
  sftp: SFTP;
  readonly #file: RemoteFile;
  #writer: BlockWriter | undefined;
  /** Position at which writing began. */
  #first = 0;
  /** Chunks that the writer has not taken, and the callback of Node's stream. */
  #chunks: Uint8Array[] = [];
  #taken: Done | undefined;
  /** Continues a write or the end that waits for the file to open. */
  #whenOpen: (() => void) | undefined;
  /** Number of bytes that the program has passed to `write`. */
  #given = 0;
  #defaultEncoding: BufferEncoding = "utf8";
  /** Callbacks of writes, with the number of bytes that must be written for them. */
  #waiting: { readonly end: number; readonly done: Done }[] = [];
  /** Error of writes that `destroy` has stopped. */
  #stopped: Error | undefined;

  constructor(sftp: SFTP, path: string, given?: WriteStreamOptions | string) {
    const options = streamOptions(given);
    super(writableOptions(options));
    this.path = path;
    this.flags = options.flags === undefined ? "w" : options.flags;
    this.mode = options.mode === undefined ? NEW_MODE : options.mode;
    this.start = options.start;
    this.autoClose = options.autoClose === undefined ? true : options.autoClose;
    this.sftp = sftp;
    this.handle = options.handle === undefined ? null : options.handle;
    this.#file = new RemoteFile(sftp, path, options.handle);
    if (this.start !== undefined) {
      checkFilePosition(this.start, "start");
      this.pos = this.start;
    }
    if (options.encoding) this.setDefaultEncoding(options.encoding);
    this.on("finish", () => {
      if (this.autoClose) this.destroy();
    });
    if (!this.#file.isOpen) this.open();
  }

  /** Whether the file is not open. */
  get pending(): boolean {
    return this.handle === null;
  }

  /** Opens the file and sets its mode. The constructor calls it unless it gets a handle. */
  open(): void {
    const file = this.#file;
    const opened = (error?: Error): void => {
      if (error === undefined) {
        callFromStream(this, () => {
          this.emit("open", this.handle);
          this.#whenOpen?.();
          this.#whenOpen = undefined;
          this.emit("ready");
        });
      } else if (!this.destroyed) {
        this.#failed(error);
      }
    };
    file.open(this.flags, this.mode, opened, (done) => {
      this.handle = Buffer.from(file.handle!);
      file.setMode(this.mode, () => {
        if (this.#isAppend) this.#toEnd(done);
        else done();
      });
    });
  }

  get #isAppend(): boolean {
    return typeof this.flags === "string" && this.flags.startsWith("a");
  }

  /** Sets the position to the end of the file: the protocol has absolute positions, also for files that are open for appending. */
  #toEnd(done: (error?: Error) => void): void {
    this.#file.size((error, size = 0) => {
      if (error === undefined) this.pos = size;
      done(error);
    });
  }

  override setDefaultEncoding(encoding: BufferEncoding): this {
    super.setDefaultEncoding(encoding);
    this.#defaultEncoding = encoding;
    return this;
  }

  /** Writes like Node's streams. The callback waits until the server has written the bytes. */
  override write(chunk: unknown, encoding?: BufferEncoding | Done, callback?: Done): boolean {
    const done = typeof encoding === "function" ? encoding : callback;
    const name = typeof encoding === "function" ? undefined : encoding;
    this.#given += lengthOf(chunk, name ?? this.#defaultEncoding);
    const end = this.#given;
    if (typeof done !== "function") return super.write(chunk, name as BufferEncoding);
    // An exception of one callback must not prevent the others.
    const call: Done = (error) => callFromStream(this, () => done(error));
    return super.write(chunk, name as BufferEncoding, (error) => (error ? call(error) : this.#whenWritten(end, call)));
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: Done): void {
    this._writev([{ chunk }], done);
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: Done): void {
    const { failure } = this.#file;
    if (failure !== undefined) {
      done(failure);
      return;
    }
    this.#chunks = chunks.map(({ chunk }) => chunk);
    this.#taken = done;
    if (this.#file.isOpen) this.#send();
    else this.#whenOpen = () => this.#send();
  }

  override _final(done: Done): void {
    const { failure } = this.#file;
    if (failure !== undefined) {
      done(failure);
      return;
    }
    this.#taken = done;
    if (this.#file.isOpen) this.#finish();
    else this.#whenOpen = () => this.#finish();
  }

  override _destroy(error: Error | null, callback: Done): void {
    this.#writer?.stop();
    const reason =
      error ?? new Error('the stream was destroyed before the server had written everything; wait for "finish" first');
    this.#stopped = reason;
    this.#failWaiting(reason);
    this.#settle(reason);
    closeFile(this, this.#file, error, callback);
  }

  /** Ends the stream, and closes the file also without `autoClose`. */
  close(callback?: () => void): void {
    if (callback) {
      if (this.isClosed) {
        process.nextTick(callback);
        return;
      }
      this.on("close", callback);
    }
    if (!this.autoClose) this.on("finish", () => this.destroy());
    this.end();
  }

  /** Ends the stream. */
  destroySoon(): void {
    this.end();
  }

  #send(): void {
    if (this.#taken === undefined || !this.#file.isOpen || this.destroyed) return;
    const writer = (this.#writer ??= this.#startWriter());
    for (let chunk = this.#chunks[0]; chunk !== undefined; chunk = this.#chunks[0]) {
      if (!(chunk instanceof Uint8Array)) {
        this.#fail(new TypeError(`The "data" argument must be of type Buffer. Received type ${typeof chunk}`));
        return;
      }
      const taken = writer.write(chunk);
      this.pos += taken;
      if (taken < chunk.length) {
        this.#chunks[0] = chunk.subarray(taken);
        return;
      }
      this.#chunks.shift();
    }
    this.#settle();
  }

  /** Waits until the server has written everything. */
  #finish(): void {
    if (this.#writer === undefined) {
      this.#settle();
      return;
    }
    this.#writer.finish().then(
      () => this.#settle(),
      // The writer's source has the error.
      () => {},
    );
  }

  #startWriter(): BlockWriter {
    this.#first = this.pos;
    const source: FileSource = {
      room: () => this.#send(),
      written: () => this.#onWritten(),
      failed: (error) => this.#fail(error),
    };
    return this.#file.writer(source, this.pos, this.#isAppend);
  }

  /** Calls the callback of Node's stream, which calls listeners of "drain" and "error". */
  #settle(error?: Error): void {
    const done = this.#taken;
    this.#taken = undefined;
    callFromStream(this, () => done?.(error));
  }

  /** Calls `done` when the server has written the first `end` bytes of the stream. */
  #whenWritten(end: number, done: Done): void {
    const { failure } = this.#file;
    if (failure !== undefined) done(failure);
    else if (end <= this.bytesWritten) done(null);
    else if (this.#stopped !== undefined) done(this.#stopped);
    else this.#waiting.push({ end, done });
  }

  #onWritten(): void {
    const { written } = this.#writer!;
    this.bytesWritten = written - this.#first;
    while (this.#waiting.length > 0 && this.#waiting[0]!.end <= this.bytesWritten) this.#waiting.shift()!.done(null);
  }

  #failWaiting(error: Error): void {
    for (const { done } of this.#waiting.splice(0)) done(error);
  }

  #fail(error: Error): void {
    if (this.#file.failure !== undefined || this.destroyed) return;
    this.#file.fail(error);
    this.#failed(error);
  }

  /** Passes the first error on to everything that waits. */
  #failed(error: Error): void {
    this.#chunks = [];
    this.#failWaiting(error);
    // Node's stream emits the error that its callback gets.
    if (this.#taken === undefined) callFromStream(this, () => this.emit("error", error));
    else this.#settle(error);
    if (this.autoClose) this.destroy();
  }
}

function lengthOf(chunk: unknown, encoding: BufferEncoding): number {
  if (typeof chunk === "string") return Buffer.byteLength(chunk, encoding);
  return chunk instanceof Uint8Array ? chunk.length : 0;
}

/** Returns the options that Node's constructor knows. Its functions, such as `write`, would replace the methods of this class. */
function writableOptions(options: WritableOptions): WritableOptions {
  const { highWaterMark, decodeStrings, objectMode, signal } = options;
  return {
    emitClose: false,
    autoDestroy: false,
    ...(highWaterMark !== undefined && { highWaterMark }),
    ...(decodeStrings !== undefined && { decodeStrings }),
    ...(objectMode !== undefined && { objectMode }),
    ...(signal && { signal }),
  };
}
