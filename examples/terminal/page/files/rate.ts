import type { TransferProgress } from "nacre/sftp";
import type { ProgressFacts } from "./texts.ts";

/** Milliseconds before a rate is meaningful. */
const SETTLE = 500;

/** Adds rate and time left to the progress of a transfer. */
export class TransferRate {
  readonly #begin: number;

  /** `now` is the current time in milliseconds. */
  constructor(now: number) {
    this.#begin = now;
  }

  /** Returns the facts for `formatProgress`. */
  facts({ bytes, totalBytes, files, totalFiles }: TransferProgress, now: number): ProgressFacts {
    const elapsed = now - this.#begin;
    const bytesPerSecond = elapsed < SETTLE ? 0 : (1000 * bytes) / elapsed;
    const secondsLeft = bytesPerSecond === 0 ? undefined : (totalBytes - bytes) / bytesPerSecond;
    return { bytes, totalBytes, files, totalFiles, bytesPerSecond, secondsLeft };
  }
}
