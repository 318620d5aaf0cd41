import {
  type BlockLimits,
  BlockReader,
  type BlockSink,
  type BlockSource,
  BlockWriter,
  type OpenFile,
  type ReadRange,
} from "@nacre/files/blocks";
import type { SshError } from "@nacre/wire";
import type { Callback } from "./call.ts";
import type { SFTP } from "./sftp.ts";
import { requestError } from "./status.ts";

type State =
  /** Not opened yet, or closed. `error`: the first error, if the file failed. */
  | { readonly kind: "closed"; readonly error: Error | undefined }
  /** `handle` is set while the opened file is prepared. `whenOpened` continues a close that waits. */
  | { readonly kind: "opening"; handle: Buffer | undefined; whenOpened: (() => void) | undefined }
  | { readonly kind: "open"; readonly handle: Buffer }
  /** The first error. The file is still open if it has a handle. */
  | { readonly kind: "failed"; readonly error: Error; readonly handle: Buffer | undefined };

/** Takes the bytes of a file. After `end` or `failed`, no other call follows. */
export interface FileSink extends Pick<BlockSink, "block" | "end"> {
  /** Called when reading failed, with ssh2's error. */
  failed(error: Error): void;
}

/** Provides the bytes of a file that is written. */
export interface FileSource extends Pick<BlockSource, "room" | "written"> {
  /** Called at once when a write failed. Write no more. `failed` follows when ssh2 reports the error. */
  stopped?(): void;
  /** Called when a write failed, with ssh2's error. */
  failed(error: Error): void;
}

/** A file of the server, from its opening to its closing. Sends requests by the public methods of `SFTP`. */
export class RemoteFile {
  readonly path: string;
  readonly #sftp: SFTP;
  #state: State;

  /**
   * `handle` is that of a file which the program has opened, and is copied: the program may change its Buffer. Without it, call `open`.
   */
  constructor(sftp: SFTP, path: string, handle?: Buffer) {
    this.#sftp = sftp;
    this.path = path;
    this.#state = Buffer.isBuffer(handle)
      ? { kind: "open", handle: Buffer.from(handle) }
      : { kind: "closed", error: undefined };
  }

  /** Handle of the file, which the program must not get: it may change a Buffer. Null before it is open and after it is closed. */
  get handle(): Buffer | null {
    return this.#state.kind === "closed" ? null : (this.#state.handle ?? null);
  }

  get isOpen(): boolean {
    return this.#state.kind === "open";
  }

  /** The first error, also after the file is closed. */
  get failure(): Error | undefined {
    return "error" in this.#state ? this.#state.error : undefined;
  }

  /**
   * Opens the file. `prepare` gets a file that has its handle, and must call its argument once: only then the file counts as open, and
   * `callback` is called, which must not throw. While the file is being opened, another call has no effect, and its
   * `callback` is never called. Throws ssh2's errors for invalid arguments.
   */
  open(
    flags: string,
    mode: number | string | undefined,
    callback: (error?: Error) => void,
    prepare: (done: (error?: Error) => void) => void = (done) => done(),
  ): void {
    if (this.#state.kind === "opening") return;
    const opening: Extract<State, { kind: "opening" }> = { kind: "opening", handle: undefined, whenOpened: undefined };
    this.#state = opening;
    const opened = (error?: Error): void => {
      const { handle } = opening;
      this.#state = error === undefined ? { kind: "open", handle: handle! } : { kind: "failed", error, handle };
      callback(error);
      opening.whenOpened?.();
    };
    this.#sftp.open(this.path, flags, mode as number, (error, handle) => {
      opening.handle = handle;
      if (error === undefined) prepare(opened);
      else opened(error);
    });
  }

  /** Sets the mode of the open file, by path if the server lacks FSETSTAT. A server that refuses both keeps its own mode. */
  setMode(mode: number | string, callback: () => void): void {
    this.#sftp.fchmod(this.handle!, mode, (error) => {
      if (error === undefined) callback();
      else this.#sftp.chmod(this.path, mode, () => callback());
    });
  }

  /** Calls back with the size of the open file. Asks by path if the server lacks FSTAT; the error is that of FSTAT. */
  size(callback: Callback<[size: number | undefined]>): void {
    this.#sftp.fstat(this.handle!, (error, stats) => {
      if (error === undefined) {
        callback(undefined, stats!.size);
        return;
      }
      this.#sftp.stat(this.path, (missing, found) => {
        if (missing === undefined) callback(undefined, found!.size);
        else callback(error);
      });
    });
  }

  /** Returns a reader of the open file. Call its `start`. */
  reader(sink: FileSink, range: ReadRange, limits?: BlockLimits): BlockReader {
    const driver = this.#sftp._driver;
    const failed = (error: SshError): void => driver.settle(error, () => sink.failed(requestError(error)));
    return new BlockReader(driver, this.#blocks, { ...sink, failed }, range, limits);
  }

  /** Returns a writer of the open file, from `position` on. */
  writer(source: FileSource, position: number, isAppend: boolean, limits?: BlockLimits): BlockWriter {
    const driver = this.#sftp._driver;
    const failed = (error: SshError): void => {
      source.stopped?.();
      driver.settle(error, () => source.failed(requestError(error)));
    };
    return new BlockWriter(driver, this.#blocks, { ...source, failed }, position, isAppend, limits);
  }

  /** The file for readers and writers. */
  get #blocks(): OpenFile {
    return { handle: Uint8Array.from(this.handle!), path: this.path };
  }

  /** Notes the first error of the open file. */
  fail(error: Error): void {
    if (this.#state.kind === "open") this.#state = { kind: "failed", error, handle: this.#state.handle };
  }

  /** Forgets the handle without closing the file. */
  release(): void {
    if (this.#state.kind !== "opening") this.#state = { kind: "closed", error: this.failure };
  }

  /** Closes the file, once it is open. `callback` gets the error of closing, unless the file has failed before. */
  close(callback: (error?: Error) => void): void {
    const state = this.#state;
    if (state.kind === "opening") {
      state.whenOpened = () => this.close(callback);
      return;
    }
    const { handle } = this;
    this.#state = { kind: "closed", error: this.failure };
    if (handle === null) callback();
    else this.#sftp.close(handle, state.kind === "failed" ? () => callback() : callback);
  }
}
