import { SshError } from "@nacre/wire";

/** Returns the error for work that `signal` ended: it timed out, as by `AbortSignal.timeout`, or was aborted. */
export function abortedError(what: string, signal: AbortSignal, consequence = ""): SshError {
  const { reason } = signal as { readonly reason: unknown };
  const isTimeout = (reason as { readonly name?: unknown } | null | undefined)?.name === "TimeoutError";
  return new SshError("aborted", `${what} ${isTimeout ? "timed out" : "was aborted"}${consequence}`, { cause: reason });
}

/** Callbacks by signal. One listener calls all of them, because Node warns of a leak at the eleventh listener. */
const callbacks = new WeakMap<AbortSignal, Set<() => void>>();

/** Calls `callback` once when `signal` aborts, or immediately if it has aborted. Returns a function that removes the callback. */
export function onAbort(signal: AbortSignal, callback: () => void): () => void {
  if (signal.aborted) {
    callback();
    return () => {};
  }
  const waiting = callbacks.get(signal) ?? watch(signal);
  waiting.add(callback);
  return () => void waiting.delete(callback);
}

/**
 * Settles like `work`, or rejects with the result of `makeError` as soon as `signal` aborts. The work then goes on: the
 * caller closes what it still opens.
 */
export function unlessAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
  makeError: (signal: AbortSignal) => unknown,
): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const unwatch = onAbort(signal, () => reject(makeError(signal)));
    void work.then(resolve, reject).finally(unwatch);
  });
}

/** A value that can be closed. */
export interface Closable {
  /** Releases its resources. Resolves when they are released. */
  close(): Promise<void>;
}

/** Settles like `unlessAborted`. A value that arrives after the abort is closed. */
export function openedUnlessAborted<T extends Closable>(
  opening: Promise<T>,
  signal: AbortSignal | undefined,
  makeError: (signal: AbortSignal) => unknown,
): Promise<T> {
  return unlessAborted(opening, signal, (aborted) => {
    opening.then(
      (late) => late.close(),
      () => {},
    );
    return makeError(aborted);
  });
}

function watch(signal: AbortSignal): Set<() => void> {
  const waiting = new Set<() => void>();
  const callAll = (): void => {
    for (const callback of waiting) callback();
  };
  signal.addEventListener("abort", callAll, { once: true });
  callbacks.set(signal, waiting);
  return waiting;
}
