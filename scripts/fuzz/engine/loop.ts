// Fuzzing itself: run an input, keep it when it does something new, make the next one of what was kept.

import { Corpus, minimise } from "./corpus.ts";
import { Coverage, pairsOf } from "./feedback.ts";
import { Mutator } from "./mutate.ts";
import { Random } from "./random.ts";
import type { Finding, Summary, Target } from "./target.ts";

/** Bytes in an input at most. */
export const LONGEST_INPUT = 16 * 1024;
const TRIES_TO_SHORTEN = 48;
const TRIES_TO_SHORTEN_FINDING = 2000;

/** How long to go on, and from where. The run ends when either bound is reached, or with the first finding. */
export interface FuzzOptions {
  readonly seed: number;
  readonly executions: number;
  readonly milliseconds: number;
  /** Inputs to begin with. */
  readonly seeds: readonly Uint8Array[];
  /** False keeps nothing but the seeds, so that coverage guides nothing: to compare with. True by default. */
  readonly guided?: boolean;
}

/** What the instrumented program is like. */
export interface Program {
  readonly blocks: number;
  readonly words: readonly string[];
}

/** Fuzzes one target. `onInput` is called with each input before it runs. */
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

  /** What was thrown, if anything was. */
  const execute = async (input: Uint8Array): Promise<unknown> => {
    executions++;
    onInput(input);
    Coverage.reset(program.blocks);
    try {
      // The target may keep or even change what it is given.
      const running = target.run(input.slice());
      if (running !== undefined) await running;
      return undefined;
    } catch (error) {
      return error ?? new Error(`it threw ${String(error)}`);
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

  /** Keeps the input if it does something new; returns what it breaks. */
  const tryInput = async (input: Uint8Array, isSeed: boolean): Promise<Finding | undefined> => {
    const error = await execute(input);
    if (error !== undefined) return report(input, error);
    const found = coverage.take();
    // There must be one to begin with, whatever it does.
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

/** Two inputs with the same title show the same fault. */
function titleOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const frame = error.stack?.split("\n").find((line) => line.startsWith("    at ")) ?? "";
  return `${error.name} ${frame}`;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
