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
  readonly #waiting: (() => void)[] = [];

  /** `most` returns the number of files without `concurrency`, the number that the application chose. A server may state its limit late. */
  constructor(concurrency: number | undefined, most: () => number) {
    this.#most = concurrency === undefined ? most : () => concurrency;
    this.#isGiven = concurrency !== undefined;
  }

  /** Resolves when a file of `size` bytes may begin, with a function to call at its end. */
  async take(size: number): Promise<() => void> {
    // A server may state any size. The sum stays exact with this one.
    const bytes = Math.min(size, MOST_BYTES);
    while (!this.#isFree(bytes))
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    this.#files++;
    this.#bytes += bytes;
    return () => {
      this.#files--;
      this.#bytes -= bytes;
      for (const resolve of this.#waiting.splice(0)) resolve();
    };
  }

  #isFree(bytes: number): boolean {
    if (this.#files >= this.#most()) return false;
    return this.#isGiven || this.#files === 0 || this.#bytes + bytes <= MOST_BYTES;
  }
}
