import { SshError } from "@nacre/wire";
import type { Channel } from "nacre/extend";
import { asSshError } from "../net/failure.ts";

/** The connections of one forward. */
export class Connections {
  /** Resolves after `close` was called and every connection has ended. */
  readonly closed: Promise<void>;
  readonly #max: number;
  readonly #onError: (error: SshError) => void;
  readonly #over: AbortController = new AbortController();
  readonly #running: Set<Promise<void>> = new Set();
  #onClosed!: () => void;

  constructor(max: number, onError: (error: SshError) => void) {
    this.#max = max;
    this.#onError = onError;
    this.closed = new Promise((resolve) => {
      this.#onClosed = resolve;
    });
  }

  get size(): number {
    return this.#running.size;
  }

  /**
   * Runs a connection. `run` must end it when the signal aborts, and rejects if it fails. Returns false without calling `run` if the limit
   * is reached or the forward is closed.
   */
  run(run: (signal: AbortSignal) => Promise<void>): boolean {
    const { signal } = this.#over;
    if (signal.aborted) return false;
    if (this.#running.size >= this.#max) {
      this.report(
        new SshError(
          "forward-limit",
          `a connection was refused: the limit of ${this.#max} connections is reached (\`maxConnections\`)`,
        ),
      );
      return false;
    }
    const running = run(signal)
      .catch((cause: unknown) => this.report(cause))
      .then(() => void this.#running.delete(running));
    this.#running.add(running);
    return true;
  }

  /** Passes an error to `onError`, unless it was caused by closing the forward. */
  report(cause: unknown): void {
    if (this.#over.signal.aborted) return;
    try {
      this.#onError(asSshError(cause));
    } catch {
      // `onError` only observes: its exceptions are ignored.
    }
  }

  /** Ends all connections and resolves when they have ended. Never rejects. */
  async close(): Promise<void> {
    this.#over.abort();
    await Promise.all(this.#running);
    this.#onClosed();
  }
}

/** Waits until a forwarded connection ends. Rejects with the error if it failed. */
export async function reportBroken(channel: Channel): Promise<void> {
  const { error } = await channel.ended;
  if (error !== undefined) throw error;
}
