import { Readable, type ReadableOptions } from "node:stream";
import type { BlockReader } from "@nacre/files/blocks";
import { bufferOf } from "@nacre/node/extend";
import type { Bytes } from "@nacre/wire";
import { NEW_MODE } from "./attributes.ts";
import { type FileSink, RemoteFile } from "./remote-file.ts";
import type { SFTP } from "./sftp.ts";
import {
  callFromStream,
  checkFilePosition,
  closeFile,
  outOfRange,
  type StreamOptions,
  streamOptions,
} from "./stream-options.ts";

/** Options of `createReadStream`. */
export interface ReadStreamOptions extends StreamOptions {
  /** Position of the last byte; default the end of the file. */
  readonly end?: number | undefined;
}

/** Bytes up to which a range is read without the size of the file. */
const SHORT_RANGE = 256 * 1024;

/** Maximum number of bytes that are read ahead: half of what a transfer may, because programs open many streams. */
const MOST_AHEAD = 8 * 1024 * 1024;
/** Bytes that Node's stream holds by default. */
const HIGH_WATER_MARK = 64 * 1024;

/** Node's streams, with the callback of `destroy`. */
interface Destroyable {
  destroy(error: Error | null, callback?: (error?: Error | null) => void): unknown;
}

/**
 * A stream of a file's bytes. Reads ahead, bounded by what the program takes. Emits "open", "ready", the data, "end", and "close" when the
 * server has closed the file. A failure emits "error", then "close" if the file is closed by itself.
 */
export class ReadStream extends Readable {
  path: string;
  flags: string;
  mode: number | string;
  start: number | undefined;
  end: number;
  autoClose: boolean;
  /** Position of the next byte. */
  pos = 0;
  bytesRead = 0;
  isClosed = false;
  /** Handle of the open file; null before and afterwards. If the program sets it to null, the stream does not close the file. */
  handle: Buffer | null;
  sftp: SFTP;
  readonly #file: RemoteFile;
  #reader: BlockReader | undefined;
  /** Bytes that the program has not asked for yet. */
  readonly #pieces: Bytes[] = [];
  /** What follows the pieces, once the reader has ended. */
  #last: Error | "end" | undefined;
  #isWanted = false;

  constructor(sftp: SFTP, path: string, given?: ReadStreamOptions | string) {
    const options = streamOptions(given);
    super({ ...readableOptions(options as ReadableOptions), highWaterMark: options.highWaterMark ?? HIGH_WATER_MARK });
    this.path = path;
    this.flags = options.flags === undefined ? "r" : options.flags;
    this.mode = options.mode === undefined ? NEW_MODE : options.mode;
    this.start = options.start;
    this.end = options.end === undefined ? Number.POSITIVE_INFINITY : options.end;
    this.autoClose = options.autoClose === undefined ? true : options.autoClose;
    this.sftp = sftp;
    this.handle = options.handle === undefined ? null : options.handle;
    this.#file = new RemoteFile(sftp, path, options.handle);
    const { start, end } = this;
    if (start !== undefined) {
      checkFilePosition(start, "start");
      this.pos = start;
    }
    if (end !== Number.POSITIVE_INFINITY) {
      checkFilePosition(end, "end");
      if (start !== undefined && start > end) throw outOfRange("start", `<= "end" (here: ${end})`, start);
    }
    this.on("end", () => {
      if (this.autoClose) this.destroy();
    });
    if (!this.#file.isOpen) this.open();
  }

  /** Whether the file is not open. */
  get pending(): boolean {
    return this.handle === null;
  }

  /** Opens the file. The constructor calls it unless it gets a handle. */
  open(): void {
    this.#file.open(this.flags, this.mode, (error) => {
      if (error !== undefined) {
        this.#emitFailure(error);
        return;
      }
      const handle = Buffer.from(this.#file.handle!);
      this.handle = handle;
      callFromStream(this, () => {
        this.emit("open", handle);
        if (this.#isWanted) this._read();
        this.emit("ready");
      });
      // Starts reading ahead.
      if (!this.destroyed) this.read(0);
    });
  }

  override _read(): void {
    this.#isWanted = true;
    // `open` calls this again.
    if (this.handle === null || this.destroyed) return;
    this.#reader ??= this.#startReader();
    this.#pass();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#reader?.stop();
    closeFile(this, this.#file, error, callback);
  }

  /** Closes the file. */
  close(callback?: (error?: Error | null) => void): void {
    // Node's method takes a callback that its documentation does not have.
    (this as Destroyable).destroy(null, callback);
  }

  #startReader(): BlockReader {
    const last = (what: Error | "end"): void => {
      this.#last = what;
      this.#pass();
    };
    const sink: FileSink = {
      block: (pieces) => {
        for (const piece of pieces) this.#pieces.push(piece);
        this.#pass();
      },
      end: () => last("end"),
      failed: last,
    };
    const start = this.pos;
    const end = Math.min(this.end + 1, Number.MAX_SAFE_INTEGER);
    // A short range is read without FSTAT: requests past the end cost less than the extra round trip.
    const range = end - start <= SHORT_RANGE ? { start, end, size: end } : { start, end };
    const reader = this.#file.reader(sink, range, { maxBytes: MOST_AHEAD });
    // Deferred: the reader may call back synchronously, before `#reader` is set.
    queueMicrotask(() => {
      if (!this.destroyed) reader.start();
    });
    return reader;
  }

  /** Passes bytes on while the program takes them, then the end or the failure. */
  #pass(): void {
    while (this.#pieces.length > 0 && this.#isWanted && !this.destroyed) this.#passChunk();
    if (this.#pieces.length > 0 || this.destroyed) return;
    const last = this.#last;
    this.#last = undefined;
    if (last === "end") this.#end();
    else if (last !== undefined) this.#emitFailure(last);
  }

  /** Ends the stream. As in ssh2, a read past the last byte comes first: programs take "end" for the end of their own writes. */
  #end(): void {
    const finish = (): void => {
      if (!this.destroyed) this.push(null);
    };
    if (this.bytesRead === 0 || this.end !== Number.POSITIVE_INFINITY || !this.#file.isOpen) finish();
    else this.sftp.read(this.#file.handle!, Buffer.alloc(1), 0, 1, this.pos, finish);
  }

  /** Passes on a piece, or as much of it as the program wants in one chunk. */
  #passChunk(): void {
    const piece = this.#pieces[0]!;
    const chunk = this.readableObjectMode ? piece : piece.subarray(0, Math.max(this.readableHighWaterMark, 1));
    if (chunk.length === piece.length) this.#pieces.shift();
    else this.#pieces[0] = piece.subarray(chunk.length);
    this.bytesRead += chunk.length;
    this.pos += chunk.length;
    // `push` calls listeners of "data".
    callFromStream(this, () => {
      this.#isWanted = this.push(bufferOf(chunk));
    });
    this.#reader!.consumed(chunk.length);
  }

  #emitFailure(error: Error): void {
    this.#file.fail(error);
    callFromStream(this, () => this.emit("error", error));
    if (this.autoClose) this.destroy();
  }
}

/** Returns the options that Node's constructor knows. Its functions, such as `read`, would replace the methods of this class. */
function readableOptions(options: ReadableOptions): ReadableOptions {
  const { encoding, objectMode, signal } = options;
  return {
    emitClose: false,
    autoDestroy: false,
    ...(encoding && { encoding }),
    ...(objectMode !== undefined && { objectMode }),
    ...(signal && { signal }),
  };
}
