import type { Callback } from "./call.ts";
import type { RemoteFile } from "./remote-file.ts";
import type { Progress, TransferSettings } from "./transfer-options.ts";

/**
 * `moving`: bytes are taken from the source. `draining`: the source has passed on all bytes, and the target has not. `stopped`: a request
 * failed, and its error will follow. `over`: both files are closed or being closed.
 */
export type Phase = "moving" | "draining" | "stopped" | "over";

/** The two open files of a transfer. */
export interface TransferFiles {
  readonly remote: RemoteFile;
  readonly localPath: string;
  /** Descriptor of the local file. */
  readonly descriptor: number;
  /** Size of the source in bytes; `Infinity` if the server did not state it. */
  readonly size: number;
}

/** Moves the bytes between two open files, closes both, and calls back. */
export abstract class Transfer {
  protected phase: Phase = "moving";
  protected readonly files: TransferFiles;
  protected readonly progress: Progress;
  readonly #mode: number | undefined;
  readonly #callback: Callback;
  /** Whether a read or write of the local file is in flight. */
  #isDiskBusy = false;
  /** Closes the files when the disk is no longer busy. */
  #whenIdle: (() => void) | undefined;

  constructor(files: TransferFiles, { mode, progress, callback }: TransferSettings) {
    this.files = files;
    this.progress = progress(files.size);
    this.#mode = mode;
    this.#callback = callback;
  }

  /** Sets the mode of the new file, if the program gave one, and moves the bytes. An empty file keeps its mode, as in ssh2. */
  start(): void {
    if (this.files.size <= 0) this.finish();
    else if (this.#mode === undefined) this.move();
    else this.setMode(this.#mode, () => this.move());
  }

  /** Sets the mode of the new file. */
  protected abstract setMode(mode: number, callback: () => void): void;

  /** Begins to move bytes. */
  protected abstract move(): void;

  /** Sends no more requests. */
  protected abstract stop(): void;

  /** Closes both files, in ssh2's order. Calls back with the first error. */
  protected abstract close(callback: (error?: Error) => void): void;

  protected get isDiskBusy(): boolean {
    return this.#isDiskBusy;
  }

  /** Notes that a read or write of the local file begins. */
  protected diskStarted(): void {
    this.#isDiskBusy = true;
  }

  /** Notes that the read or write has ended. Closes the files if the transfer is over. */
  protected diskEnded(): void {
    this.#isDiskBusy = false;
    this.#whenIdle?.();
  }

  /** Closes both files after a read or write in flight: the system may give the number of a closed descriptor to another file. */
  #close(callback: (error?: Error) => void): void {
    if (this.#isDiskBusy) this.#whenIdle = () => this.close(callback);
    else this.close(callback);
  }

  /** Ends the transfer after the last byte. */
  protected finish(): void {
    if (this.phase === "over") return;
    this.phase = "over";
    this.#close((error) => {
      // As in ssh2: one argument for an empty file.
      if (error !== undefined || this.files.size <= 0) this.#callback(error);
      else this.#callback();
    });
  }

  /** Ends the transfer with its first error. Errors of closing are dropped. */
  protected fail(error: Error): void {
    if (this.phase === "over") return;
    this.phase = "over";
    this.stop();
    this.#close(() => this.#callback(error));
  }
}
