/** Maximum number of files of a transfer under way. */
export const MOST_FILES = 128;

/** Number of handles that every server is expected to allow. */
const SAFE_FILES = 64;

/** Returns how many files a transfer has under way by default. `maxOpenHandles` is the server's limit, if it states one. */
export function filesFor(maxOpenHandles: number | undefined): number {
  return maxOpenHandles === undefined ? SAFE_FILES : Math.min(Math.max(Math.floor(maxOpenHandles / 2), 1), MOST_FILES);
}

/** Maximum size in bytes of the files under way, unless one alone is larger. */
const MOST_BYTES = 64 * 1024 * 1024;

/** Lets a bounded number of files be under way: many short ones, or few long ones. */
export class Slots {
  readonly #most: () => number;
  /** Whether the number alone counts, because the application chose it. */
  readonly #isGiven: boolean;
  #files = 0;
  #bytes = 0;
  /** Files that wait, in the order in which they get their places. */
  readonly #waiting: { readonly bytes: number; readonly start: () => void }[] = [];

  /**
   * `most` returns the number of files without `concurrency`, the number that the application chose. It may change, as a server may state its
   * limit late. `concurrency` does not count where only one file is allowed.
   */
  constructor(concurrency: number | undefined, most: () => number) {
    this.#most = () => (concurrency === undefined || most() === 1 ? most() : concurrency);
    this.#isGiven = concurrency !== undefined;
  }

  /**
   * Takes a place for a file of `size` bytes, and returns `undefined`. If no place is free, returns a promise that resolves when the file has
   * one. Call `release` when the file is done.
   */
  take(size: number): Promise<void> | undefined {
    const bytes = countedBytes(size);
    // In order: the directory of a listing that waits stays open, and its handle may be the one that each file gets.
    if (this.#waiting.length > 0 || !this.#isFree(bytes))
      return new Promise((start) => {
        this.#waiting.push({ bytes, start });
      });
    this.#add(bytes);
    return undefined;
  }

  /** Frees the place of a file of `size` bytes. */
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

/** Returns the size that a file counts with. It has a maximum because a server may state any size, and the sum must stay exact. */
function countedBytes(size: number): number {
  return Math.min(size, MOST_BYTES);
}

/** Maximum number of items that are worked on at the same time. */
const MOST_AT_ONCE = 8;

/** Does the work for each item, for some at the same time: at most `most`, and 8. */
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
