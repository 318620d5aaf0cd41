// Feedback from an execution: how often it took each branch, and which values it compared. Instrumented code writes to this module.

/** Maximum number of branches of a program. */
const MOST_BLOCKS = 1 << 16;
const MOST_PAIRS = 256;
/** Number of comparisons after which an execution is no longer recorded, as recording is slow. */
const MOST_COMPARISONS = 20_000;

/** Number of times that each branch was taken since the last reset. */
export const hits = new Uint32Array(MOST_BLOCKS);

/** Two different values that were compared. */
export type Pair = readonly [number, number] | readonly [string, string];

let listening = false;
let comparisons = 0;
let pairs: Pair[] = [];

/** Comparison operators that can record their operands. */
export const compare = {
  equal: (a: unknown, b: unknown): boolean => (listening && note(a, b), a === b),
  unequal: (a: unknown, b: unknown): boolean => (listening && note(a, b), a !== b),
  less: (a: number, b: number): boolean => (listening && note(a, b), a < b),
  atMost: (a: number, b: number): boolean => (listening && note(a, b), a <= b),
  more: (a: number, b: number): boolean => (listening && note(a, b), a > b),
  atLeast: (a: number, b: number): boolean => (listening && note(a, b), a >= b),
};

/** Returns the pairs of values that `action` compares. Omits numbers that differ by one, as loop counters produce many of these. */
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

/** Returns one of eight classes for a count: 1, 2, 3, 4–7, 8–15, … The 100th round of a loop shows little more than the 99th. */
function classOf(count: number): number {
  if (count < 4) return 1 << (count - 1);
  return count < 8 ? 8 : count < 16 ? 16 : count < 32 ? 32 : count < 128 ? 64 : 128;
}

/** Coverage of a program by all executions so far. */
export class Coverage {
  readonly #blocks: number;
  readonly #seen: Uint8Array;
  #covered = 0;

  /** `blocks`: number of branches of the program. */
  constructor(blocks: number) {
    this.#blocks = blocks;
    this.#seen = new Uint8Array(blocks);
  }

  /** Number of branches that any execution has taken. */
  get covered(): number {
    return this.#covered;
  }

  /** Returns each combination of branch and count class that is new in the last execution, and marks it as seen. */
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

  /** Resets the counters before an execution. */
  static reset(blocks: number): void {
    hits.fill(0, 0, blocks);
  }

  /** Returns whether the last execution has all of these combinations. */
  static has(features: readonly number[]): boolean {
    return features.every((feature) => {
      const count = hits[Math.floor(feature / 256)]!;
      return count > 0 && classOf(count) === feature % 256;
    });
  }
}
