import { SshError } from "@nacre/wire";
import { unlessAborted } from "nacre/extend";
import { abortError, type CallContext } from "../channel/call.ts";
import type { FailedEntry, SkippedEntry, TransferEntry, TransferResult } from "../transfer/options.ts";
import { DEFAULT_MAX_FILES, tooManyFiles } from "../transfer/options.ts";
import { Progress } from "../transfer/progress.ts";
import { PLATFORM_CLOCK } from "../transfer/sides/clock.ts";
import type { ScpOptions } from "./options.ts";

/** Maximum number of directories and left-out entries that a transfer remembers. A hostile server may send any number. */
const MAX_REMEMBERED = 2 ** 20;

/** Counts what a transfer moves, and reports it. */
export class Tally {
  readonly #options: ScpOptions;
  readonly #context: CallContext;
  readonly #skipped: SkippedEntry[] = [];
  readonly #failed: FailedEntry[] = [];
  readonly #maxRemembered: number;
  readonly #progress: Progress;
  /** Number of files found. */
  #found = 0;
  /** Number of complete files. */
  #files = 0;
  #directories = 0;
  /** Whether the next failure ends the transfer, regardless of `onError`. */
  #isOver = false;
  /** Size of all complete files in bytes. */
  #wholeBytes = 0;

  constructor(options: ScpOptions, context: CallContext, maxRemembered: number = MAX_REMEMBERED) {
    this.#options = options;
    this.#context = context;
    this.#maxRemembered = maxRemembered;
    const { onProgress, onFile } = options;
    this.#progress = new Progress(
      { onProgress: onProgress && this.#reported(onProgress), onFile: onFile && this.#reported(onFile) },
      PLATFORM_CLOCK,
    );
  }

  /** Result of the transfer so far. */
  get result(): TransferResult {
    return {
      files: this.#files,
      directories: this.#directories,
      links: 0,
      bytes: this.#wholeBytes,
      unchanged: 0,
      resumed: [],
      verified: 0,
      unverified: [],
      unset: [],
      deleted: [],
      skipped: this.#skipped,
      failed: this.#failed,
    };
  }

  /** Returns whether the application wants an entry. Its exception ends the transfer. If the transfer ends, the answer is not awaited. */
  async wants(entry: TransferEntry): Promise<boolean> {
    const { filter, signal } = this.#options;
    if (filter === undefined) return true;
    try {
      const answer = Promise.resolve(filter(entry));
      if (await unlessAborted(answer, signal, () => abortError(this.#context))) return true;
    } catch (error) {
      this.#isOver = true;
      throw error;
    }
    this.skip(entry.path, "filter");
    return false;
  }

  /** Counts a file that will be moved. Throws `output-limit` if there are too many. */
  found(size: number): void {
    const { maxFiles = DEFAULT_MAX_FILES } = this.#options;
    this.#found++;
    // rule: scp-file-count
    if (this.#found > maxFiles) {
      this.#isOver = true;
      throw tooManyFiles(maxFiles);
    }
    this.#progress.found(size);
  }

  /** Counts contents of a file. */
  moved(path: string, bytes: number): void {
    this.#progress.moved(path, bytes);
  }

  /** Counts a complete file. */
  whole(path: string, size: number): void {
    this.#files++;
    this.#wholeBytes += size;
    this.#progress.finished({ path, size });
  }

  /** Counts a directory. Throws `output-limit` if there are too many. */
  directory(): void {
    this.#remember();
    this.#directories++;
  }

  /** Notes that nothing more will be found, so that reports have totals. */
  listed(): void {
    this.#progress.listed();
  }

  /** Notes an entry that is left out. */
  skip(path: string, reason: SkippedEntry["reason"]): void {
    this.#remember();
    this.#skipped.push({ path, reason });
  }

  /** Notes an entry that failed. Throws the error if it ends the transfer. */
  fail(path: string, error: unknown): void {
    if (this.#isOver || this.#options.onError !== "skip" || !(error instanceof SshError)) throw error;
    this.#remember();
    this.#failed.push({ path, error });
  }

  /** Notes that scp has ended, so that the next failure ends the transfer. */
  end(): void {
    this.#isOver = true;
  }

  #remember(): void {
    // rule: scp-entries
    if (this.#directories + this.#skipped.length + this.#failed.length < this.#maxRemembered) return;
    this.#isOver = true;
    throw new SshError(
      "output-limit",
      `the transfer has more than ${this.#maxRemembered} directories and entries left out; transfer it in parts`,
    );
  }

  /** Returns a callback of the application, whose exception ends the transfer. */
  #reported<T>(report: (value: T) => void): (value: T) => void {
    return (value) => {
      try {
        report(value);
      } catch (error) {
        this.#isOver = true;
        throw error;
      }
    };
  }
}
