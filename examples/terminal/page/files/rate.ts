import type { ProgressFacts } from "./texts.ts";

/** Milliseconds before a rate is meaningful. */
const SETTLE = 500;

type Counts = Pick<ProgressFacts, "bytes" | "totalBytes" | "files" | "totalFiles">;

/** Adds rate and time left to the progress of a transfer. */
export class TransferRate {
  readonly #begin: number;

  /** `now` is the current time in milliseconds. */
  constructor(now: number) {
    this.#begin = now;
  }

  /** Returns the facts for `formatProgress`. */
  facts({ bytes, totalBytes, files, totalFiles }: Counts, now: number): ProgressFacts {
    const elapsed = now - this.#begin;
    const bytesPerSecond = elapsed < SETTLE ? 0 : (1000 * bytes) / elapsed;
    const isKnown = totalBytes !== undefined && bytesPerSecond > 0;
    const secondsLeft = isKnown ? (totalBytes - bytes) / bytesPerSecond : undefined;
    return { bytes, totalBytes, files, totalFiles, bytesPerSecond, secondsLeft };
  }
}
