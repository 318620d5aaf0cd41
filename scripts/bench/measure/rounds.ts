import type { Bench } from "../bench.ts";
import { median, spread } from "./table.ts";

/** Something to measure, under the name of its row. */
export interface Runner {
  readonly name: string;
  /** Runs it once. Resolves with what is measured, such as milliseconds. */
  run(this: void): Promise<number>;
}

/** Runs all in turn, `warmUp` times without counting and then `count` times. Resolves with the results of each. */
export async function inTurn(
  bench: Bench,
  what: string,
  runners: readonly Runner[],
  { warmUp, count }: { readonly warmUp: number; readonly count: number },
): Promise<ReadonlyMap<string, readonly number[]>> {
  const results = new Map(runners.map(({ name }) => [name, [] as number[]]));
  for (let round = 1; round <= warmUp + count; round++)
    for (const { name, run } of runners) {
      bench.progress(`${what}, ${name}: round ${round} of ${warmUp + count}`);
      const value = await run();
      if (round > warmUp) results.get(name)?.push(value);
    }
  return results;
}

/** Returns a cell with the median and the spread, and one with the median of the ratios to another row in the same round. */
export function cells(
  results: ReadonlyMap<string, readonly number[]>,
  name: string,
  beside: string,
  digits: number,
): string[] {
  const own = results.get(name) ?? [];
  const other = results.get(beside) ?? [];
  return [
    spread(own, digits),
    name === beside ? "" : `${median(own.map((value, round) => value / (other[round] ?? Number.NaN))).toFixed(2)} ×`,
  ];
}
