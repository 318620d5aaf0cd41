import type { EventEmitter } from "node:events";
import { Writable } from "node:stream";
import { SshError } from "@nacre/wire";

/** A stream whose errors without a listener a policy may drop. */
export interface PolicyStream extends EventEmitter {
  /** Whether the stream fails, now or once the received bytes are read. */
  readonly isFailing: boolean;
  /** Whether the stream has emitted its last event. */
  readonly closed: boolean;
  readonly errored: Error | null;
  /**
   * Whether the program may miss bytes by this error: it has read, piped or written the stream. After `closed`, which it caused itself,
   * only if a pipe, a write or a reader of the end still waits. After the normal end of a command, only if a write does.
   */
  misses(error: SshError): boolean;
}

/** Decides which errors without a listener become uncaught exceptions, as Node makes them. */
export interface ErrorPolicy {
  /** Adds a stream when it is made. */
  add(stream: PolicyStream): void;
  /** Called before a stream emits an error. Returns whether to drop it. Node throws an error that has no listener. */
  drops(stream: PolicyStream, error: unknown): boolean;
  /** Called when the program reads or writes, also after the stream has failed. */
  usedLate(stream: PolicyStream): void;
  /** Called when the program destroys a stream before its end. */
  gaveUp(): void;
}

/** Drops every error without a listener. For sessions of a server: a client that leaves must not end the program. */
export const dropUnheard: ErrorPolicy = {
  add() {},
  drops: (stream) => stream.listenerCount("error") === 0,
  usedLate() {},
  gaveUp() {},
};

/**
 * Reports the loss of a process once. The program learns it from `exit` if it took that promise, from the error listeners of any stream, or
 * else from an uncaught error of one stream that it used.
 */
export class ProcessErrors implements ErrorPolicy {
  /** Whether the program took `exit`. */
  isExitTaken = false;
  readonly #streams: PolicyStream[] = [];
  #isGivenUp = false;
  #isReported = false;

  add(stream: PolicyStream): void {
    this.#streams.push(stream);
  }

  drops(stream: PolicyStream, error: unknown): boolean {
    // Errors of another class are the program's own.
    if (!(error instanceof SshError)) return false;
    if (hasHandler(stream)) this.#isReported = true;
    // The listener of a pipe emits the error again without itself.
    if (stream.listenerCount("error") > 0) return false;
    // rule: process-loss
    const isDropped =
      this.#isReported ||
      !stream.misses(error) ||
      (this.#isGivenUp && error.code === "closed") ||
      this.#isReportedByExit(stream, error) ||
      this.#streams.some((other) => other.isFailing && hasHandler(other));
    this.#isReported ||= !isDropped;
    return isDropped;
  }

  usedLate(stream: PolicyStream): void {
    const { errored } = stream;
    if (errored === null || !stream.closed) return;
    process.nextTick(() => {
      if (stream.listenerCount("error") === 0) stream.emit("error", errored);
    });
  }

  gaveUp(): void {
    this.#isGivenUp = true;
  }

  #isReportedByExit(stream: PolicyStream, { code }: SshError): boolean {
    if (!this.isExitTaken) return false;
    // If the server closed the channel, `exit` resolves: it says how a reader of stdin ended, but not that output is missing.
    return code !== "channel-closed" || stream instanceof Writable;
  }
}

/** Whether the program listens for errors. A pipe into the stream adds a listener for "error" and one for "unpipe". */
function hasHandler(stream: PolicyStream): boolean {
  return stream.listenerCount("error") > stream.listenerCount("unpipe");
}
