// What an execution tells: which branches it took and how often, and what it compared. Instrumented code writes to this.

/** Room for the branches of a program. */
const MOST_BLOCKS = 1 << 16;
const MOST_PAIRS = 256;
/** An execution that compares more than this is not listened to any longer: it would take too long. */
const MOST_COMPARISONS = 20_000;

/** How often each branch was taken since it was last looked at. */
export const hits = new Uint32Array(MOST_BLOCKS);

/** Two values that were compared and were not the same. */
export type Pair = readonly [number, number] | readonly [string, string];

let listening = false;
let comparisons = 0;
let pairs: Pair[] = [];

/** The comparison operators, which can be listened to. */
export const compare = {
  equal: (a: unknown, b: unknown): boolean => (listening && note(a, b), a === b),
  unequal: (a: unknown, b: unknown): boolean => (listening && note(a, b), a !== b),
  less: (a: number, b: number): boolean => (listening && note(a, b), a < b),
  atMost: (a: number, b: number): boolean => (listening && note(a, b), a <= b),
  more: (a: number, b: number): boolean => (listening && note(a, b), a > b),
  atLeast: (a: number, b: number): boolean => (listening && note(a, b), a >= b),
};

/** What `action` compares, without its loop counters' steps from one number to the next. */
export async function pairsOf(action: () => Promise<unknown>): Promise<Pair[]> {
  listening = true;
  comparisons = 0;
  pairs = [];
  try {
    await action();
  } finally {
    listening = false;
  }
  return pairs;
}

function note(a: unknown, b: unknown): void {
  listening = comparisons++ < MOST_COMPARISONS && pairs.length < MOST_PAIRS;
  if (a === b) return;
  if (typeof a === "number" && typeof b === "number") {
    if (Math.abs(a - b) > 1 && !pairs.some(([x, y]) => x === a && y === b)) pairs.push([a, b]);
  } else if (typeof a === "string" && typeof b === "string") {
    if (a.length < 256 && b.length < 256 && !pairs.some(([x, y]) => x === a && y === b)) pairs.push([a, b]);
  }
}

/** Counts fall into eight classes, since a loop's 100th round tells little that its 99th did not: 1, 2, 3, 4–7, 8–15, … */
function classOf(count: number): number {
  if (count < 4) return 1 << (count - 1);
  return count < 8 ? 8 : count < 16 ? 16 : count < 32 ? 32 : count < 128 ? 64 : 128;
}

/** What of a program has been seen so far. */
export class Coverage {
  readonly #blocks: number;
  readonly #seen: Uint8Array;
  #covered = 0;

  /** `blocks`: how many branches the program has. */
  constructor(blocks: number) {
    this.#blocks = blocks;
    this.#seen = new Uint8Array(blocks);
  }

  /** Branches that were taken by any execution. */
  get covered(): number {
    return this.#covered;
  }

  /** The branch and class of each count that no execution had before, and which count as seen from now on. */
  take(): number[] {
    const found: number[] = [];
    for (let block = 0; block < this.#blocks; block++) {
      const count = hits[block]!;
      if (count === 0) continue;
      const kind = classOf(count);
      const seen = this.#seen[block]!;
      if ((seen & kind) === 0) {
        if (seen === 0) this.#covered++;
        this.#seen[block] = seen | kind;
        found.push(block * 256 + kind);
      }
    }
    return found;
  }

  /** Forgets what was counted, before an execution. */
  static reset(blocks: number): void {
    hits.fill(0, 0, blocks);
  }

  /** Whether the last execution has all of these. */
  static has(features: readonly number[]): boolean {
    return features.every((feature) => {
      const count = hits[Math.floor(feature / 256)]!;
      return count > 0 && classOf(count) === feature % 256;
    });
  }
}
