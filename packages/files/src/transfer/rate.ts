/** Time in milliseconds over which the rate is averaged. */
const WINDOW = 5000;

/** Time in milliseconds between two samples. */
const STEP = 250;

/** Time in milliseconds after which the first rate is stated. */
const LEAST_TIME = 500;

/** Average rate over the last seconds. Holds at most one sample for each quarter of a second. */
export class Rate {
  readonly #samples: { readonly at: number; readonly bytes: number }[];

  /** `now` is in milliseconds. */
  constructor(now: number) {
    this.#samples = [{ at: now, bytes: 0 }];
  }

  /** Returns the rate in bytes a second. `bytes` is the number of bytes moved since the beginning. */
  at(now: number, bytes: number): number {
    const samples = this.#samples;
    if (now - samples.at(-1)!.at >= STEP) samples.push({ at: now, bytes });
    // The oldest sample is the first one outside the window, so that the whole window counts.
    while (samples.length > 1 && now - samples[1]!.at >= WINDOW) samples.shift();
    const oldest = samples[0]!;
    const elapsed = now - oldest.at;
    return elapsed < LEAST_TIME ? 0 : (1000 * (bytes - oldest.bytes)) / elapsed;
  }
}
