/** How long a slice of slow work may hold the event loop: milliseconds. */
const SLICE = 10;

/**
 * Runs stepped work (deriving a key from a passphrase, say) to its end, letting other work go on in between. `signal` ends it
 * before that, with its reason.
 */
export async function inSlices<T>(work: Generator<void, T>, signal?: AbortSignal): Promise<T> {
  for (;;) {
    signal?.throwIfAborted();
    const until = performance.now() + SLICE;
    do {
      const step = work.next();
      if (step.done === true) return step.value;
    } while (performance.now() < until);
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}
