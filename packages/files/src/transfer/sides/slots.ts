/** Maximum number of files that a transfer moves concurrently. */
export const MOST_FILES = 128;

/** Number of open files that any server is expected to allow. */
const SAFE_FILES = 64;

/** Returns how many files a transfer moves concurrently by default. `maxOpenHandles` is the server's limit, if it states one. */
export function filesFor(maxOpenHandles: number | undefined): number {
  return maxOpenHandles === undefined ? SAFE_FILES : Math.min(Math.max(Math.floor(maxOpenHandles / 2), 1), MOST_FILES);
}

/** Maximum total size in bytes of the files moved concurrently. A larger file moves alone. */
const MOST_BYTES = 64 * 1024 * 1024;

/** Limits how many files are moved concurrently: many short ones, or few long ones. */
export class Slots {
  readonly #most: () => number;
  /** Whether only the number of files counts, because the application chose it. */
  readonly #isGiven: boolean;
  #files = 0;
  #bytes = 0;
  /** Waiting files, in order of arrival. */
  readonly #waiting: { readonly bytes: number; readonly start: () => void }[] = [];

  /**
   * `concurrency` is the number that the application chose, if any. `most` returns the default, which may change, because a server may
   * state its limit late. If `most` returns 1, it overrides `concurrency`.
   */
  constructor(concurrency: number | undefined, most: () => number) {
    this.#most = () => (concurrency === undefined || most() === 1 ? most() : concurrency);
    this.#isGiven = concurrency !== undefined;
  }

  /**
   * Takes a slot for a file of `size` bytes, and returns `undefined`. If none is free, returns a promise that resolves when the file has
   * one. Call `release` when the file is done.
   */
  take(size: number): Promise<void> | undefined {
    const bytes = countedBytes(size);
    // In order, because a waiting listing holds its directory open, whose handle the server may give to every file.
    if (this.#waiting.length > 0 || !this.#isFree(bytes))
      return new Promise((start) => {
        this.#waiting.push({ bytes, start });
      });
    this.#add(bytes);
    return undefined;
  }

  /** Frees the slot of a file of `size` bytes. */
  release(size: number): void {
    this.#files--;
    this.#bytes -= countedBytes(size);
    for (let next = this.#waiting[0]; next !== undefined && this.#isFree(next.bytes); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#add(next.bytes);
      next.start();
    }
  }

  #add(bytes: number): void {
    this.#files++;
    this.#bytes += bytes;
  }

  #isFree(bytes: number): boolean {
    if (this.#files >= this.#most()) return false;
    return this.#isGiven || this.#files === 0 || this.#bytes + bytes <= MOST_BYTES;
  }
}

/** Returns the size that counts for a file. It is bounded, because a server may state any size, and the sum must stay exact. */
function countedBytes(size: number): number {
  return Math.min(size, MOST_BYTES);
}

/** Default number of items that `forEach` works on concurrently. */
const MOST_AT_ONCE = 8;

/** Does the work for each item, for at most `most` and 8 items concurrently. */
export async function forEach<T>(
  items: readonly T[],
  work: (item: T) => Promise<void>,
  most: number = MOST_AT_ONCE,
): Promise<void> {
  const rest = items.values();
  const workers = Array.from({ length: Math.min(MOST_AT_ONCE, most, items.length) }, async () => {
    for (const item of rest) await work(item);
  });
  await Promise.all(workers);
}
