import type { Pair } from "./feedback.ts";
import type { Random } from "./random.ts";

/** An input that reached new coverage when it was found. */
export interface Entry {
  readonly input: Uint8Array;
  readonly pairs: readonly Pair[];
}

/** The inputs from which new ones are derived. */
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

  /** Chooses an input to mutate. Half of the time it is one of the newest, to explore further from recent findings. */
  choose(): Entry {
    const entries = this.#entries;
    const newest = Math.ceil(entries.length / 8);
    return this.#random.once(2) ? entries[entries.length - 1 - this.#random.below(newest)]! : this.any();
  }

  any(): Entry {
    return this.#random.pick(this.#entries);
  }
}

/** Shortens an input while `holds` stays true, with at most `tries` attempts. */
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
