import { SshError } from "@nacre/wire";
import { unlessAborted } from "../on-abort.ts";
import { abortError, type CallContext } from "../sftp/call.ts";
import { PLATFORM_CLOCK } from "../sftp/transfer/clock.ts";
import type {
  FailedEntry,
  SkippedEntry,
  TransferEntry,
  TransferProgress,
  TransferResult,
} from "../sftp/transfer/options.ts";
import { Progress } from "../sftp/transfer/progress.ts";
import type { ScpOptions } from "./options.ts";

/** Maximum number of entries not moved that a transfer remembers. A hostile server may send them without an end. */
const MAX_REMEMBERED = 2 ** 20;

/** Counts what a transfer moves, and reports it. */
export class Tally {
  readonly #options: ScpOptions;
  readonly #context: CallContext;
  readonly #skipped: SkippedEntry[] = [];
  readonly #failed: FailedEntry[] = [];
  readonly #maxRemembered: number;
  readonly #progress: Progress;
  #files = 0;
  #directories = 0;
  /** Whether the next failure ends the transfer, regardless of `onError`. */
  #isOver = false;
  /** Contents of files that are whole, in bytes. */
  #wholeBytes = 0;

  constructor(options: ScpOptions, context: CallContext, maxRemembered: number = MAX_REMEMBERED) {
    this.#options = options;
    this.#context = context;
    this.#maxRemembered = maxRemembered;
    const { onProgress } = options;
    this.#progress = new Progress(onProgress && ((progress) => this.#report(onProgress, progress)), PLATFORM_CLOCK);
  }

  /** What was moved so far. */
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
      deleted: [],
      skipped: this.#skipped,
      failed: this.#failed,
    };
  }

  /** Returns whether the application wants an entry. Its exception ends the transfer. The end does not wait for its answer. */
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

  /** Counts a file that will be moved. */
  found(size: number): void {
    this.#progress.found(size);
  }

  /** Counts contents of a file. */
  moved(path: string, bytes: number): void {
    this.#progress.moved(path, bytes);
  }

  /** Counts a file that is whole. */
  whole(path: string, size: number): void {
    this.#files++;
    this.#wholeBytes += size;
    this.#progress.finished(path);
  }

  /** Counts a directory. */
  directory(): void {
    this.#directories++;
  }

  /** Reports from now on that nothing more will be found. */
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

  /** Makes the next failure end the transfer, because scp has ended. */
  end(): void {
    this.#isOver = true;
  }

  #remember(): void {
    // rule: scp-entries
    if (this.#skipped.length + this.#failed.length < this.#maxRemembered) return;
    this.#isOver = true;
    throw new SshError(
      "output-limit",
      `the transfer has more than ${this.#maxRemembered} entries left out; transfer it in parts`,
    );
  }

  /** Calls the application, whose exception ends the transfer. */
  #report(onProgress: (progress: TransferProgress) => void, progress: TransferProgress): void {
    try {
      onProgress(progress);
    } catch (error) {
      this.#isOver = true;
      throw error;
    }
  }
}
