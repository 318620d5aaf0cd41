import type { Pair } from "./feedback.ts";
import type { Random } from "./random.ts";

/** An input that did something new when it came. */
export interface Entry {
  readonly input: Uint8Array;
  readonly pairs: readonly Pair[];
}

/** What the next inputs are made of. */
export class Corpus {
  readonly #random: Random;
  readonly #entries: Entry[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  add(entry: Entry): void {
    this.#entries.push(entry);
  }

  /** One to change; half of the time one of the newest, which lead on from what was found last. */
  choose(): Entry {
    const entries = this.#entries;
    const newest = Math.ceil(entries.length / 8);
    return this.#random.once(2) ? entries[entries.length - 1 - this.#random.below(newest)]! : this.any();
  }

  any(): Entry {
    return this.#random.pick(this.#entries);
  }
}

/** A shorter input of which `holds` is still true, as far as a bounded number of tries finds one. */
export async function minimise(
  input: Uint8Array,
  holds: (shorter: Uint8Array) => Promise<boolean>,
  tries: number,
): Promise<{ readonly input: Uint8Array; readonly tried: number }> {
  let best = input;
  let tried = 0;
  for (
    let part = Math.ceil(input.length / 2);
    part >= 1 && tried < tries;
    part = part === 1 ? 0 : Math.ceil(part / 2)
  ) {
    for (let at = 0; at < best.length && tried < tries; ) {
      const shorter = new Uint8Array(Math.max(0, best.length - part, at));
      shorter.set(best.subarray(0, at));
      shorter.set(best.subarray(at + part), at);
      tried++;
      if (await holds(shorter)) best = shorter;
      else at += part;
    }
  }
  return { input: best, tried };
}
