import { queueMacrotask } from "./mux/macrotask.ts";

/** How long a slice of slow work may hold the event loop: milliseconds. */
const SLICE = 10;

/**
 * Runs stepped work, such as deriving a key from a passphrase, to its end, and lets other work run between its slices. Rejects with the
 * reason of `signal` if that aborts first.
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
