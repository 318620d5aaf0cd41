import type { TransferProgress } from "@nacre/node";
import type { ProgressBar } from "./progress-bar.ts";
import type { CopyState } from "./progress-line.ts";

/** A file or directory that is copied by one transfer. */
export interface CopiedSource {
  /** Name to show. */
  readonly name: string;
  /** Size in bytes; `undefined` for a directory. */
  readonly size: number | undefined;
}

/** Amount of one transfer. */
interface Amount {
  bytes: number;
  totalBytes: number | undefined;
  files: number;
  totalFiles: number | undefined;
  /** Bytes that this transfer moved, without those that were at the target before; `undefined` until it ends. */
  moved: number | undefined;
}

/** Adds the progress of several transfers, which run one after the other, and shows it on one line. */
export class TotalProgress {
  readonly #bar: ProgressBar;
  readonly #now: () => number;
  readonly #sources: readonly CopiedSource[];
  readonly #amounts: readonly Amount[];
  readonly #start: number;
  #name = "";
  #isBegun = false;

  /** `now` returns milliseconds that only grow. */
  constructor(bar: ProgressBar, sources: readonly CopiedSource[], now: () => number) {
    this.#bar = bar;
    this.#now = now;
    this.#start = now();
    this.#sources = sources;
    this.#amounts = sources.map(({ size }) => ({
      bytes: 0,
      totalBytes: size,
      files: 0,
      totalFiles: size === undefined ? undefined : 1,
      moved: undefined,
    }));
  }

  /** Returns the function that takes the progress of one transfer. */
  of(index: number): (progress: TransferProgress) => void {
    const { name } = this.#sources[index]!;
    const amount = this.#amounts[index]!;
    return ({ path, bytesPerSecond, ...progress }) => {
      this.#isBegun = true;
      amount.bytes = progress.bytes;
      amount.files = progress.files;
      amount.totalBytes = progress.totalBytes ?? amount.totalBytes;
      amount.totalFiles = progress.totalFiles ?? amount.totalFiles;
      this.#name = path === "" ? name : path;
      this.#bar.update(this.#state(bytesPerSecond || undefined));
    };
  }

  /**
   * Notes that a transfer has ended. What it did not move is not waited for. `moved` is the number of bytes in its result, if it has one.
   */
  ended(index: number, moved?: number): void {
    const amount = this.#amounts[index]!;
    amount.moved = moved;
    amount.totalBytes = amount.bytes;
    amount.totalFiles = amount.files;
  }

  /** Shows the final state, if anything was moved: the mean rate and the whole time. */
  finish(): void {
    if (!this.#isBegun) return;
    const seconds = (this.#now() - this.#start) / 1000;
    const moved = sum(this.#amounts.map((amount) => amount.moved ?? amount.bytes)) ?? 0;
    const bytesPerSecond = moved / Math.max(seconds, 0.001);
    this.#bar.finish({ ...this.#state(bytesPerSecond), seconds, isOver: true });
  }

  #state(bytesPerSecond: number | undefined): CopyState {
    const bytes = sum(this.#amounts.map((amount) => amount.bytes)) ?? 0;
    const totalBytes = sum(this.#amounts.map((amount) => amount.totalBytes));
    return {
      name: this.#name,
      bytes,
      totalBytes,
      files: sum(this.#amounts.map((amount) => amount.files)) ?? 0,
      totalFiles: sum(this.#amounts.map((amount) => amount.totalFiles)),
      bytesPerSecond,
      seconds:
        totalBytes === undefined || bytesPerSecond === undefined
          ? undefined
          : Math.max(0, totalBytes - bytes) / bytesPerSecond,
      isOver: false,
    };
  }
}

/** Adds numbers; `undefined` if one of them is unknown. */
function sum(values: readonly (number | undefined)[]): number | undefined {
  return values.reduce((total, value) => (total === undefined || value === undefined ? undefined : total + value), 0);
}
