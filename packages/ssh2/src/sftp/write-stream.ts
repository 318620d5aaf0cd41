import { Writable, type WritableOptions } from "node:stream";
import { BlockWriter } from "@nacre/files/blocks";
import type { SshError } from "@nacre/wire";
import { setMode, sizeOf } from "./open-remote.ts";
import type { SFTP } from "./sftp.ts";
import { requestError } from "./status.ts";
import { checkPosition, NEW_MODE, type StreamOptions, streamOptions } from "./stream-options.ts";

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
  /** Handle of the open file; null before and afterwards. */
  handle: Buffer | null;
  sftp: SFTP;
  #writer: BlockWriter | undefined;
  /** Position at which writing began. */
  #first = 0;
  /** Chunks that the writer has not taken, and the callback of Node's stream. */
  #chunks: Uint8Array[] = [];
  #taken: Done | undefined;
  /** Number of bytes that the program has passed to `write`. */
  #given = 0;
  #defaultEncoding: BufferEncoding = "utf8";
  /** Callbacks of writes, with the number of bytes that must be written for them. */
  #waiting: { readonly end: number; readonly done: Done }[] = [];
  #isOpening = false;
  #isOpen = false;
  #failure: Error | undefined;
  /** Goes on to destroy the stream when the file is open, or could not be opened. */
  #whenOpened: (() => void) | undefined;

  constructor(sftp: SFTP, path: string, given?: WriteStreamOptions | string) {
    const options = streamOptions(given);
    super(writableOptions(options));
    this.path = path;
    this.flags = options.flags === undefined ? "w" : options.flags;
    this.mode = options.mode === undefined ? NEW_MODE : options.mode;
    this.start = options.start;
    this.autoClose = options.autoClose === undefined ? true : options.autoClose;
    this.handle = options.handle ?? null;
    this.sftp = sftp;
    if (this.start !== undefined) {
      checkPosition(this.start, "start");
      this.pos = this.start;
    }
    if (options.encoding) this.setDefaultEncoding(options.encoding);
    this.on("finish", () => {
      if (this.autoClose) this.destroy();
    });
    if (Buffer.isBuffer(this.handle)) this.#isOpen = true;
    else this.open();
  }

  /** Whether the file is not open. */
  get pending(): boolean {
    return this.handle === null;
  }

  /** Opens the file and sets its mode. The constructor calls it unless it gets a handle. */
  open(): void {
    if (this.#isOpening) return;
    this.#isOpening = true;
    const { sftp, path, flags, mode } = this;
    sftp.open(path, flags, mode, (error, handle) => {
      if (error !== undefined) {
        this.#isOpening = false;
        this.#fail(error);
        this.#whenOpened?.();
        return;
      }
      this.handle = handle!;
      setMode(sftp, path, handle!, mode, () => {
        // The protocol has absolute positions, also for files that are open for appending.
        if (this.#isAppend) sizeOf(sftp, path, handle!, (failure, size = 0) => this.#opened(handle!, size, failure));
        else this.#opened(handle!, this.pos);
      });
    });
  }

  get #isAppend(): boolean {
    return typeof this.flags === "string" && this.flags.startsWith("a");
  }

  #opened(handle: Buffer, position: number, error?: Error): void {
    this.#isOpening = false;
    if (error === undefined) {
      this.#isOpen = true;
      this.pos = position;
      this.emit("open", handle);
      this.emit("ready");
    } else {
      this.#fail(error);
    }
    this.#whenOpened?.();
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
    return super.write(chunk, name as BufferEncoding, (error) => (error ? done(error) : this.#whenWritten(end, done)));
  }

  override _write(chunk: Buffer, _: BufferEncoding, done: Done): void {
    this._writev([{ chunk }], done);
  }

  override _writev(chunks: readonly { readonly chunk: Buffer }[], done: Done): void {
    if (this.#failure !== undefined) {
      done(this.#failure);
      return;
    }
    this.#chunks = chunks.map(({ chunk }) => chunk);
    this.#taken = done;
    if (this.#isOpen) this.#send();
    else this.once("open", () => this.#send());
  }

  override _final(done: Done): void {
    if (this.#failure !== undefined) {
      done(this.#failure);
      return;
    }
    this.#taken = done;
    if (this.#isOpen) this.#finish();
    else this.once("open", () => this.#finish());
  }

  override _destroy(error: Error | null, callback: Done): void {
    this.#writer?.stop();
    const reason = error ?? new Error("the stream was destroyed before the server had written everything");
    this.#failWaiting(reason);
    this.#settle(reason);
    const close = (): void => this.#close(error, callback);
    if (this.#isOpening) this.#whenOpened = close;
    else close();
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
    const { handle } = this;
    if (this.#taken === undefined || !Buffer.isBuffer(handle) || this.destroyed) return;
    const writer = (this.#writer ??= this.#startWriter(handle));
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

  #startWriter(handle: Buffer): BlockWriter {
    this.#first = this.pos;
    const driver = this.sftp._driver;
    const source = {
      room: () => this.#send(),
      written: () => this.#onWritten(),
      failed: (error: SshError) => driver.settle(error, () => this.#fail(requestError(error))),
    };
    const file = { handle: Uint8Array.from(handle), path: this.path };
    return new BlockWriter(driver, file, source, this.pos, this.#isAppend);
  }

  /** Calls the callback of Node's stream. */
  #settle(error?: Error): void {
    const done = this.#taken;
    this.#taken = undefined;
    done?.(error);
  }

  /** Calls `done` when the server has written the first `end` bytes of the stream. */
  #whenWritten(end: number, done: Done): void {
    if (this.#failure !== undefined) done(this.#failure);
    else if (end <= this.bytesWritten) done(null);
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
    if (this.#failure !== undefined || this.destroyed) return;
    this.#failure = error;
    this.#chunks = [];
    this.#failWaiting(error);
    // Node's stream emits the error that its callback gets.
    if (this.#taken === undefined) this.emit("error", error);
    else this.#settle(error);
    if (this.autoClose) this.destroy();
  }

  #close(error: Error | null, callback: Done): void {
    const { handle } = this;
    this.handle = null;
    const finish = (closing?: Error): void => {
      // One error is enough.
      const failure = (this.#failure === undefined ? closing : undefined) ?? error;
      callback(failure);
      this.isClosed = true;
      if (!failure) this.emit("close");
    };
    if (Buffer.isBuffer(handle)) this.sftp.close(handle, finish);
    else finish();
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
