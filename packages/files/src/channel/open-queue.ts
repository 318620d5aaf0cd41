import { SshError } from "@nacre/wire";
import { onAbort } from "nacre/extend";
import { abortError, type CallContext, throwIfAborted } from "./call.ts";

/**
 * Lets work that opens files or directories, and closes them again, run side by side. Some servers give the handle of an open file again
 * (`SftpClient`). Such a server gets one open file at a time from then on. Work must not start other work here and wait for it.
 */
export class OpenQueue {
  readonly #isOneByOne: () => boolean;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /** `isOneByOne` returns whether the server may have only one open file. */
  constructor(isOneByOne: () => boolean) {
    this.#isOneByOne = isOneByOne;
  }

  /**
   * Runs work of a call. With such a server it first waits until no other work runs. Rejects with `aborted` while it waits, and then as the
   * work does.
   */
  async run<T>(context: CallContext, work: () => Promise<T>): Promise<T> {
    throwIfAborted(context);
    if (this.#isOneByOne() && this.#running > 0) await this.#placeOf(context);
    else this.#running++;
    try {
      return await work();
    } finally {
      // The last one passes its place to the next.
      const next = this.#running === 1 ? this.#waiting.shift() : undefined;
      if (next === undefined) this.#running--;
      else next();
    }
  }

  /** Runs work, and once more if the server gave its handle to another file, too: the second time nothing else is open. */
  async runAgain<T>(context: CallContext, work: () => Promise<T>): Promise<T> {
    try {
      return await this.run(context, work);
    } catch (error) {
      if (!isReusedHandle(error)) throw error;
      return this.run(context, work);
    }
  }

  /** Resolves when the place of other work passes to this call. */
  #placeOf(context: CallContext): Promise<void> {
    return new Promise((resolve, reject) => {
      const start = (): void => {
        unwatch?.();
        resolve();
      };
      const { signal } = context;
      const unwatch =
        signal &&
        onAbort(signal, () => {
          this.#waiting.splice(this.#waiting.indexOf(start), 1);
          reject(abortError(context));
        });
      this.#waiting.push(start);
    });
  }
}

/** Returns whether work failed because the server gave its handle to another file, too. */
export function isReusedHandle(error: unknown): boolean {
  return error instanceof SshError && error.code === "sftp-handle-reused";
}
