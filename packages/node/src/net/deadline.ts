import { onAbort } from "nacre/extend";

/** Bounds of {@link withDeadline}. */
export interface Deadline<T> {
  /** Time limit in milliseconds. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
  /** Returns the error for work that took too long. */
  readonly late: () => Error;
  /** Returns the error for work that `signal` ended. */
  readonly aborted: (signal: AbortSignal) => Error;
  /** Releases a result that arrived after either of them. */
  readonly discard: (result: T) => void;
}

/** Milliseconds, about 24 days: `setTimeout` fires immediately for a longer delay. */
const LONGEST_TIMER = 0x7fff_ffff;

/** Starts a timer of any number of milliseconds. */
export function startTimer(milliseconds: number, onTimer: () => void): NodeJS.Timeout {
  return setTimeout(onTimer, Math.min(milliseconds, LONGEST_TIMER));
}

/**
 * Runs `work` until it settles, the time is over or the signal aborts. The signal that `work` gets aborts in both cases, with the error as
 * its reason. `work` must then release what it uses.
 */
export function withDeadline<T>(
  { timeout, signal, late, aborted, discard }: Deadline<T>,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const over = new AbortController();
    let unwatch: (() => void) | undefined;
    const settle = (): void => {
      clearTimeout(timer);
      unwatch?.();
    };
    const giveUp = (error: Error): void => {
      settle();
      over.abort(error);
      reject(error);
    };
    const timer = /* rule: connect-deadline */ startTimer(timeout, () => giveUp(late()));
    if (signal !== undefined) unwatch = onAbort(signal, () => giveUp(aborted(signal)));
    if (over.signal.aborted) return;
    work(over.signal).then(
      (result) => {
        if (over.signal.aborted) return discard(result);
        settle();
        resolve(result);
      },
      (error: unknown) => {
        settle();
        reject(error);
      },
    );
  });
}
