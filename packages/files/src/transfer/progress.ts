import type { TransferOptions, TransferredFile } from "./options.ts";
import type { TransferClock } from "./sides/clock.ts";

/** Counts what a transfer has found and moved, and reports it. */
export class Progress {
  readonly #onProgress: TransferOptions["onProgress"];
  readonly #onFile: TransferOptions["onFile"];
  readonly #clock: TransferClock;
  readonly #rate: Rate;
  /** Contents at the target in bytes. */
  #bytes = 0;
  /** Contents that this transfer has moved, in bytes. */
  #moved = 0;
  #files = 0;
  #totalBytes = 0;
  #totalFiles = 0;
  #isListed = false;
  /** Whether the size of every file is known. */
  #isSized = true;
  /** Path of the last report. */
  #lastPath: string | undefined;

  constructor({ onProgress, onFile }: Pick<TransferOptions, "onProgress" | "onFile">, clock: TransferClock) {
    this.#onProgress = onProgress;
    this.#onFile = onFile;
    this.#clock = clock;
    this.#rate = new Rate(clock.now());
  }

  /** Counts a file to move. `size` is `undefined` if it is unknown. */
  found(size: number | undefined): void {
    this.#totalFiles++;
    if (size === undefined) this.#isSized = false;
    else this.#totalBytes += size;
  }

  /** Notes that all files have been found. If a report without totals was made, makes another one with them. */
  listed(): void {
    if (this.#isListed) return;
    this.#isListed = true;
    if (this.#lastPath !== undefined) this.#report(this.#lastPath);
  }

  /** Counts bytes of a file that were at the target before. */
  resumed(length: number): void {
    this.#bytes += length;
  }

  /** Counts bytes of a file that have moved. */
  moved(path: string, length: number): void {
    this.#bytes += length;
    this.#moved += length;
    this.#report(path);
  }

  /** Subtracts bytes of a file that is moved again. */
  lost(length: number): void {
    this.#bytes -= length;
  }

  /** Counts and reports a complete file. */
  finished(file: TransferredFile): void {
    this.#files++;
    this.#report(file.path);
    this.#onFile?.(file);
  }

  #report(path: string): void {
    if (this.#onProgress === undefined) return;
    this.#lastPath = path;
    const totalBytes = this.#isListed && this.#isSized ? this.#totalBytes : undefined;
    const bytesPerSecond = this.#rate.at(this.#clock.now(), this.#moved);
    this.#onProgress({
      bytes: this.#bytes,
      totalBytes,
      files: this.#files,
      totalFiles: this.#isListed ? this.#totalFiles : undefined,
      bytesPerSecond,
      secondsLeft:
        totalBytes === undefined || bytesPerSecond === 0
          ? undefined
          : Math.max(0, totalBytes - this.#bytes) / bytesPerSecond,
      path,
    });
  }
}

/** Time in milliseconds over which the rate is averaged. */
const WINDOW = 5000;

/** Time in milliseconds between two samples. */
const STEP = 250;

/** Time in milliseconds before which the rate is 0. */
const LEAST_TIME = 500;

/** Average rate over the last seconds. Holds at most one sample for each quarter of a second. */
export class Rate {
  readonly #samples: { readonly at: number; readonly bytes: number }[];

  /** `now` is in milliseconds. */
  constructor(now: number) {
    this.#samples = [{ at: now, bytes: 0 }];
  }

  /** Returns the rate in bytes per second. `bytes` is the number of bytes moved since the beginning. */
  at(now: number, bytes: number): number {
    const samples = this.#samples;
    if (now - samples.at(-1)!.at >= STEP) samples.push({ at: now, bytes });
    // Keeps one sample older than the window, so that the whole window counts.
    while (samples.length > 1 && now - samples[1]!.at >= WINDOW) samples.shift();
    const oldest = samples[0]!;
    const elapsed = now - oldest.at;
    return elapsed < LEAST_TIME ? 0 : (1000 * (bytes - oldest.bytes)) / elapsed;
  }
}
