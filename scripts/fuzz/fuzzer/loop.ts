// The fuzzing loop: runs an input, keeps it if it reaches new coverage, and derives the next input from the kept ones.

import { Corpus, minimise } from "./corpus.ts";
import { Coverage, pairsOf } from "./feedback.ts";
import { Mutator } from "./mutate.ts";
import { Random } from "./random.ts";
import type { Finding, Summary, Target } from "./target.ts";

/** Maximum length of an input in bytes. */
export const LONGEST_INPUT = 16 * 1024;
const TRIES_TO_SHORTEN = 48;
const TRIES_TO_SHORTEN_FINDING = 2000;

/** Limits and start of a run. The run ends when either limit is reached, or at the first finding. */
export interface FuzzOptions {
  readonly seed: number;
  readonly executions: number;
  readonly milliseconds: number;
  /** Initial inputs. */
  readonly seeds: readonly Uint8Array[];
  /** Whether coverage guides the run; default true. With false only the seeds are kept, which serves as a comparison. */
  readonly guided?: boolean;
}

/** Properties of the instrumented program: number of branches, and string literals. */
export interface Program {
  readonly blocks: number;
  readonly words: readonly string[];
}

/** Fuzzes one target. Calls `onInput` with each input before running it. */
export async function fuzz(
  target: Target,
  program: Program,
  options: FuzzOptions,
  onInput: (input: Uint8Array) => void,
): Promise<Summary> {
  const began = performance.now();
  const random = new Random(options.seed);
  const coverage = new Coverage(program.blocks);
  const corpus = new Corpus(random);
  const mutator = new Mutator(random, program.words, LONGEST_INPUT);
  let executions = 0;
  let finding: Finding | undefined;

  /** Runs an input. Returns the error that it throws, or `undefined`. */
  const execute = async (input: Uint8Array): Promise<unknown> => {
    executions++;
    onInput(input);
    Coverage.reset(program.blocks);
    try {
      // Passes a copy, as the target may keep or change its input.
      const running = target.run(input.slice());
      if (running !== undefined) await running;
      return undefined;
    } catch (error) {
      return error ?? new Error(`the target threw ${String(error)}`);
    }
  };

  const report = async (input: Uint8Array, error: unknown): Promise<Finding> => {
    const what = titleOf(error);
    const same = async (shorter: Uint8Array): Promise<boolean> => {
      const other = await execute(shorter);
      return other !== undefined && titleOf(other) === what;
    };
    const least = (await minimise(input, same, TRIES_TO_SHORTEN_FINDING)).input;
    return { target: target.name, input: least, problem: describe((await execute(least)) ?? error) };
  };

  /** Runs an input and keeps it if it reaches new coverage. Returns a finding if the input breaks the contract. */
  const tryInput = async (input: Uint8Array, isSeed: boolean): Promise<Finding | undefined> => {
    const error = await execute(input);
    if (error !== undefined) return report(input, error);
    const found = coverage.take();
    // The first input is always kept, as the corpus must not be empty.
    const isFirst = corpus.entries.length === 0;
    const isNew = found.length > 0 && (isSeed || options.guided !== false);
    if (!isFirst && !isNew) return undefined;
    const still = async (shorter: Uint8Array): Promise<boolean> =>
      (await execute(shorter)) === undefined && Coverage.has(found);
    const kept = isSeed ? input : (await minimise(input, still, TRIES_TO_SHORTEN)).input;
    corpus.add({ input: kept, pairs: options.guided === false ? [] : await pairsOf(() => execute(kept)) });
    return undefined;
  };

  for (const seed of options.seeds.length === 0 ? [new Uint8Array(0)] : options.seeds)
    finding ??= await tryInput(seed, true);
  const end = began + options.milliseconds;
  while (finding === undefined && executions < options.executions && performance.now() < end) {
    const { input, pairs } = corpus.choose();
    finding = await tryInput(mutator.mutate(input, { other: corpus.any().input, pairs }), false);
  }
  return {
    target: target.name,
    executions,
    milliseconds: performance.now() - began,
    covered: coverage.covered,
    corpus: corpus.entries.map((entry) => entry.input),
    finding,
  };
}

/** Returns a title for an error. Errors with the same title count as the same fault. */
function titleOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const frame = error.stack?.split("\n").find((line) => line.startsWith("    at ")) ?? "";
  return `${error.name} ${frame}`;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
