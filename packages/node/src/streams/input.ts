import type { Writable } from "node:stream";
import { SshError } from "@nacre/wire";
import type { WriteTarget } from "nacre/extend";

export type WriteCallback = (error?: Error | null) => void;

export interface Written {
  readonly chunk: Uint8Array;
}

/** Passes data from a writable stream to the channel. */
export class Input {
  readonly #stream: Writable;
  readonly #target: WriteTarget;
  #rest: readonly Written[] = [];
  #done: WriteCallback | undefined;
  #ended = false;

  constructor(stream: Writable, target: WriteTarget) {
    this.#stream = stream;
    this.#target = target;
  }

  /** Whether the stream ended after the channel accepted all data. */
  get isEnded(): boolean {
    return this.#ended;
  }

  /** Whether a write is waiting for room. */
  get isWaiting(): boolean {
    return this.#done !== undefined;
  }

  room(): void {
    const done = this.#done;
    if (done === undefined) return;
    let error: Error | undefined;
    try {
      if (!this.#writeRest()) return;
    } catch (cause) {
      error = cause as Error;
    }
    this.#rest = [];
    this.#done = undefined;
    done(error);
  }

  write(chunks: readonly Written[], callback: WriteCallback): void {
    this.#rest = chunks;
    this.#done = callback;
    this.room();
  }

  end(callback: WriteCallback): void {
    // Set first: the target may close the stream while it ends.
    this.#ended = true;
    const ending = this.#target.end();
    if (ending === undefined) {
      callback();
      return;
    }
    this.#ended = false;
    void this.#finish(ending, callback);
  }

  async #finish(ending: Promise<void>, callback: WriteCallback): Promise<void> {
    try {
      await ending;
      this.#ended = true;
    } catch (error) {
      callback(error as Error);
      return;
    }
    callback();
  }

  async finished(): Promise<void> {
    const stream = this.#stream;
    if (stream.destroyed) return;
    if (!stream.writableEnded) stream.end();
    if (stream.writableFinished) return;
    await new Promise<void>((resolve) => {
      stream.once("finish", resolve);
      stream.once("close", resolve);
    });
  }

  /**
   * Called when the stream is destroyed; aborts the channel's output unless `isOver`. Passes the error to `callback` and to the pending
   * write, whose callback Node does not call.
   */
  drop(error: Error | null, callback: WriteCallback, isOver: boolean = this.#ended): void {
    const done = this.#done;
    this.#rest = [];
    this.#done = undefined;
    if (!isOver) this.#target.abort();
    callback(error);
    done?.(error ?? new SshError("channel-closed", "the stream was destroyed before the peer took all written data"));
  }

  /** Writes pending bytes to the target. Returns whether it accepted all of them. */
  #writeRest(): boolean {
    const rest = this.#rest;
    for (let i = 0; i < rest.length; i++) {
      const { chunk } = rest[i]!;
      const taken = this.#target.write(chunk);
      if (taken < chunk.length) {
        this.#rest = [{ chunk: chunk.subarray(taken) }, ...rest.slice(i + 1)];
        return false;
      }
    }
    return true;
  }
}

/**
 * Passes the error that destroyed the stream to the callback of a write or end, instead of Node's ERR_STREAM_DESTROYED. A pending and a
 * later write thus fail with the same error. Returns false if there is no such error or no callback.
 */
export function failsAtOnce({ errored }: Writable, values: readonly unknown[]): boolean {
  if (errored === null) return false;
  const callback = values.findLast((value) => typeof value === "function");
  if (callback === undefined) return false;
  process.nextTick(callback, errored);
  return true;
}
