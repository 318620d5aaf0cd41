import { queueMacrotask } from "./mux/queue.ts";

/** Milliseconds of work before the next round of the event loop. */
const SLICE = 10;

/**
 * Runs a generator of slow steps to its end and returns its result. Yields to the event loop between slices, so that deriving a key from a
 * passphrase does not block other work. Rejects with the reason of `signal` if it aborts first.
 */
export async function inSlices<T>(work: Generator<void, T>, signal?: AbortSignal): Promise<T> {
  for (;;) {
    signal?.throwIfAborted();
    const until = performance.now() + SLICE;
    do {
      const step = work.next();
      if (step.done === true) return step.value;
    } while (performance.now() < until);
    await new Promise<void>(queueMacrotask);
  }
}
