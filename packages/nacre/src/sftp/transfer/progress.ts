import type { TransferProgress } from "./options.ts";

/** Counts what a transfer has found and moved, and reports it. */
export class Progress {
  readonly #onProgress: ((progress: TransferProgress) => void) | undefined;
  #bytes = 0;
  #files = 0;
  #totalBytes = 0;
  #totalFiles = 0;
  #isListed = false;

  constructor(onProgress: ((progress: TransferProgress) => void) | undefined) {
    this.#onProgress = onProgress;
  }

  /** Counts a file to move. */
  found(size: number): void {
    this.#totalFiles++;
    this.#totalBytes += size;
  }

  /** Notes that everything has been found. */
  listed(): void {
    this.#isListed = true;
  }

  /** Counts bytes of a file that have moved. */
  moved(path: string, length: number): void {
    this.#bytes += length;
    this.#report(path);
  }

  /** Counts a file that is whole, with `length` bytes that have not been counted by `moved`. */
  finished(path: string, length: number = 0): void {
    this.#bytes += length;
    this.#files++;
    this.#report(path);
  }

  #report(path: string): void {
    this.#onProgress?.({
      bytes: this.#bytes,
      files: this.#files,
      totalBytes: this.#totalBytes,
      totalFiles: this.#totalFiles,
      isListed: this.#isListed,
      path,
    });
  }
}
