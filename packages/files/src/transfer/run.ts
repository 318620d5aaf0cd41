import { SshError } from "@nacre/wire";
import { onAbort, unlessAborted } from "nacre/extend";
import { abortError, type CallContext, callContext } from "../channel/call.ts";
import type { LocalAttributes } from "../local/local-files.ts";
import type { FailedEntry, SkippedEntry, TransferOptions, UnsetEntry } from "./options.ts";
import type { TargetEntry } from "./sides/trees.ts";

/** Maximum number of directories, links and left-out entries that a transfer remembers. A hostile server may list any number. */
export const MAX_REMEMBERED: number = 2 ** 20;

/** Input of a `TransferRun`. */
export interface RunOptions {
  readonly options: TransferOptions;
  /** Name of the call, for its errors. */
  readonly name: string;
  /** Returns whether SFTP has ended, so that no further file can be moved. */
  readonly isOver: () => boolean;
  readonly maxRemembered: number;
}

/** One run of a transfer: how it ends, what failed, and what was left out. */
export class TransferRun {
  readonly options: TransferOptions;
  readonly skipped: SkippedEntry[] = [];
  readonly failed: FailedEntry[] = [];
  readonly unset: UnsetEntry[] = [];
  /** Listed partial files of the target that are continued or removed together with their file. */
  readonly taken: WeakSet<TargetEntry> = new WeakSet();
  readonly #name: string;
  readonly #isOver: () => boolean;
  readonly #maxRemembered: number;
  /** Aborts all calls after the first error that ends the transfer. */
  readonly #stop = new AbortController();
  #failure: { readonly error: unknown } | undefined;
  #remembered = 0;

  constructor({ options, name, isOver, maxRemembered }: RunOptions) {
    this.options = options;
    this.#name = name;
    this.#isOver = isOver;
    this.#maxRemembered = maxRemembered;
  }

  /** Name of the call. */
  get name(): string {
    return this.#name;
  }

  /** Whether the transfer has ended with an error. */
  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Returns the context of the requests that concern a path. */
  context(path: string): CallContext {
    return { call: this.#name, path, signal: this.#stop.signal };
  }

  /** Throws the error that ended the transfer. */
  throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Ends the transfer with an error, unless it has ended. */
  end(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#stop.abort();
  }

  /** Ends the transfer when the signal aborts. Returns a function that stops watching. */
  watch(signal: AbortSignal | undefined, path: string, shownPath: string): () => void {
    if (signal === undefined) return () => {};
    const context = { ...callContext(this.#name, path, signal), shownPath };
    return onAbort(signal, () => this.end(abortError(context)));
  }

  /** Does the work for one entry. Handles its failure as `fail` does. Never rejects. */
  async attempt(path: string, work: () => Promise<void>): Promise<void> {
    if (this.#failure !== undefined) return;
    try {
      await work();
    } catch (error) {
      this.fail(path, error);
    }
  }

  /** Notes that an entry failed; ends the transfer unless `onError` is `"skip"`. */
  fail(path: string, error: unknown): void {
    if (this.#failure !== undefined) return;
    if (this.options.onError !== "skip" || this.#isOver() || !(error instanceof SshError)) this.end(error);
    else if (this.remember()) this.failed.push({ path, error });
  }

  /** Notes that an entry is left out. */
  skip(path: string, reason: SkippedEntry["reason"]): void {
    if (this.remember()) this.skipped.push({ path, reason });
  }

  /** Notes that an entry is without attributes that the target does not support, and returns the note. */
  leaveUnset(path: string, { mode, times }: LocalAttributes, error: SshError): UnsetEntry {
    const attributes = [
      ...(mode === undefined ? [] : ["mode" as const]),
      ...(times === undefined ? [] : ["times" as const]),
    ];
    const entry: UnsetEntry = { path, attributes, error };
    if (this.remember()) this.unset.push(entry);
    return entry;
  }

  /** Counts an item that is kept in memory until the end. If there are too many, ends the transfer and returns false. */
  remember(): boolean {
    this.#remembered++;
    if (/* rule: transfer-entries */ this.#remembered <= this.#maxRemembered) return true;
    this.end(
      new SshError(
        "output-limit",
        `the transfer has more than ${this.#maxRemembered} directories, links and entries to remember; transfer it in parts`,
      ),
    );
    return false;
  }

  /**
   * Calls a function of the application. Its exception ends the transfer, regardless of `onError`. If the transfer ends, the answer is
   * not awaited.
   */
  async ask<T>(question: () => T | Promise<T>): Promise<T> {
    try {
      const answer = Promise.resolve(question());
      return await unlessAborted(answer, this.#stop.signal, () => this.#failure?.error);
    } catch (error) {
      this.end(error);
      throw error;
    }
  }

  /** Calls a function of the application that returns nothing. Its exception ends the transfer, regardless of `onError`. */
  tell(report: () => void): void {
    try {
      report();
    } catch (error) {
      this.end(error);
      throw error;
    }
  }
}
