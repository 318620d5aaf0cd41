import { SshError } from "@nacre/wire";
import { onAbort } from "../on-abort.ts";
import { abortError, type CallContext } from "../sftp/call.ts";
import type { FailedEntry, SkippedEntry, TransferEntry, TransferResult } from "../sftp/transfer/options.ts";
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
  #directories = 0;
  /** Whether the next failure ends the transfer, regardless of `onError`. */
  #isOver = false;
  /** Contents of files that are whole, in bytes. */
  #wholeBytes = 0;
  #progress = { bytes: 0, files: 0, totalBytes: 0, totalFiles: 0, isListed: false };

  constructor(options: ScpOptions, context: CallContext, maxRemembered: number = MAX_REMEMBERED) {
    this.#options = options;
    this.#context = context;
    this.#maxRemembered = maxRemembered;
  }

  /** What was moved so far. */
  get result(): TransferResult {
    return {
      files: this.#progress.files,
      directories: this.#directories,
      links: 0,
      bytes: this.#wholeBytes,
      skipped: this.#skipped,
      failed: this.#failed,
    };
  }

  /** Returns whether the application wants an entry. Its exception ends the transfer. The end does not wait for its answer. */
  async wants(entry: TransferEntry): Promise<boolean> {
    const { filter, signal } = this.#options;
    if (filter === undefined) return true;
    let unwatch: (() => void) | undefined;
    const aborted = new Promise<never>((_, reject) => {
      unwatch = signal && onAbort(signal, () => reject(abortError(this.#context)));
    });
    // Handled below, unless the function throws at once.
    aborted.catch(() => {});
    try {
      if (await Promise.race([filter(entry), aborted])) return true;
    } catch (error) {
      this.#isOver = true;
      throw error;
    } finally {
      unwatch?.();
    }
    this.skip(entry.path, "filter");
    return false;
  }

  /** Counts a file that will be moved. */
  found(size: number): void {
    this.#progress.totalFiles++;
    this.#progress.totalBytes += size;
  }

  /** Counts contents of a file. */
  moved(path: string, bytes: number): void {
    this.#progress.bytes += bytes;
    this.#report(path);
  }

  /** Counts a file that is whole. */
  whole(path: string, size: number): void {
    this.#progress.files++;
    this.#wholeBytes += size;
    this.#report(path);
  }

  /** Counts a directory. */
  directory(): void {
    this.#directories++;
  }

  /** Reports from now on that nothing more will be found. */
  listed(): void {
    this.#progress.isListed = true;
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

  #report(path: string): void {
    try {
      this.#options.onProgress?.({ ...this.#progress, path });
    } catch (error) {
      this.#isOver = true;
      throw error;
    }
  }
}
