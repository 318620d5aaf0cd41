import type { Bench, Case } from "../bench.ts";
import { measureCheckout, ROOT } from "../children.ts";
import type { Table } from "../measure/table.ts";
import { compare, comparisonTable, isLoss, type Numbers, numbersOf, type Round } from "./numbers.ts";

/** Root of each checkout. */
type Roots = Readonly<Record<keyof Round, string>>;

/** Numbers of a case in one run, by the titles of its tables; `undefined` if the run failed. */
type CaseNumbers = ReadonlyMap<string, Numbers> | undefined;

/**
 * Measures each case alternately with the programs of both checkouts, one round at a time. Returns a table for each table of the cases, and
 * one with all rows that became worse. A case that fails with the programs of one checkout has no numbers there.
 */
export async function beforeAndAfter(
  cases: readonly Case[],
  {
    before,
    bench,
    report,
  }: { readonly before: string; readonly bench: Bench; readonly report: (table: Table) => void },
): Promise<Table> {
  const roots: Roots = { before, after: ROOT };
  const losses: string[][] = [];
  for (const measured of cases) {
    const rounds: Partial<Record<keyof Round, CaseNumbers>>[] = [];
    for (let round = 1; round <= bench.rounds; round++) {
      const numbers: Partial<Record<keyof Round, CaseNumbers>> = {};
      // Every second round begins with the other checkout, so that a slow change of the machine's speed favours neither.
      const sides = ["before", "after"] as const;
      for (const side of round % 2 === 1 ? sides : sides.toReversed()) {
        process.stderr.write(`${measured.name}: round ${round} of ${bench.rounds}, ${side}\n`);
        numbers[side] = await measure(measured, roots[side], bench);
      }
      rounds.push(numbers);
    }
    const titles = new Set(
      rounds.flatMap(({ before: old, after }) => [...(old?.keys() ?? []), ...(after?.keys() ?? [])]),
    );
    for (const title of titles) {
      const compared = compare(
        rounds.map(({ before: old, after }) => ({ before: old?.get(title), after: after?.get(title) })),
      );
      const table = comparisonTable(`${measured.name}: ${title}`, compared);
      report(table);
      losses.push(
        ...table.rows
          .filter((_, index) => isLoss(compared[index]!))
          .map(([name = "", ...cells]) => [`${measured.name}, ${title}, ${name}`, ...cells]),
      );
    }
  }
  return {
    title: "Rows that became worse in every round, and by more than 5 % in the median",
    head: ["row", "before", "after", "ratio"],
    rows: losses,
  };
}

/** Measures one round of a case with the programs of a checkout. Returns no numbers if that fails, and prints why. */
async function measure(measured: Case, root: string, bench: Bench): Promise<CaseNumbers> {
  measureCheckout(root);
  try {
    const { tables } = await measured.run({ ...bench, rounds: 1 });
    return new Map(tables.map((table) => [table.title, numbersOf(table)]));
  } catch (error) {
    process.stderr.write(
      `${measured.name} failed with the programs in ${root}: ${error instanceof Error ? error.message : String(error)}\n`,
    );
    return undefined;
  } finally {
    measureCheckout(ROOT);
  }
}
