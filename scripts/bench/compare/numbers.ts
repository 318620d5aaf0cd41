// Compares the numbers of the same tables from two checkouts.
import { median, spread, type Table } from "../measure/table.ts";

/** The numbers of one table, by row and column: `"nacre: down MB/s"`. */
export type Numbers = ReadonlyMap<string, number>;

/** The numbers of one round of a table; `undefined` for a checkout that does not have the table. */
export interface Round {
  readonly before: Numbers | undefined;
  readonly after: Numbers | undefined;
}

/** A row of a comparison. */
interface Compared {
  readonly name: string;
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** Value after, relative to that before, in each round that has both. */
  readonly ratios: readonly number[];
}

/** A change for the worse that counts, as a factor. */
const LOSS = 1.05;

/** Columns in which more is better. In all others less is better. */
const MORE_IS_BETTER = /(?<!CPU s)\/s$|^per second$|MB per CPU second|^one at a time$|^\d+ concurrent$/;

/** Returns the numbers of a table's cells. Leaves out text, and columns with ratios to other rows. */
export function numbersOf({ head, rows }: Table): Numbers {
  const columns = columnNames(head);
  const numbers = new Map<string, number>();
  for (const row of rows) {
    const label = [row[0] ?? ""];
    for (const [index, cell] of row.entries()) {
      if (index === 0 || /^(vs\.|steady)/.test(head[index] ?? "")) continue;
      const values = cell.split(" / ").map(leadingNumber);
      // The direction of a transfer, for example, is a column of its own.
      if (values.includes(undefined)) {
        if (/\p{Letter}/u.test(cell)) label.push(cell);
        continue;
      }
      for (const [part, value] of values.entries()) {
        const which = values.length === 1 ? "" : `, value ${part + 1}`;
        numbers.set(`${label.filter(Boolean).join(", ")}: ${columns[index]}${which}`, value!);
      }
    }
  }
  return numbers;
}

/** Compares the rounds of a table, row by row. */
export function compare(rounds: readonly Round[]): Compared[] {
  const names = new Set(rounds.flatMap(({ before, after }) => [...(before?.keys() ?? []), ...(after?.keys() ?? [])]));
  return [...names].map((name) => {
    const values = (side: keyof Round): number[] => rounds.flatMap((round) => round[side]?.get(name) ?? []);
    const ratios = rounds.flatMap(({ before, after }) => {
      const [old, now] = [before?.get(name), after?.get(name)];
      return old === undefined || now === undefined || old === 0 ? [] : [now / old];
    });
    return { name, before: values("before"), after: values("after"), ratios };
  });
}

/** Returns the table of a comparison. A row that a checkout does not have shows a dash. */
export function comparisonTable(title: string, compared: readonly Compared[]): Table {
  return {
    title,
    head: ["row", "before", "after", "ratio"],
    rows: compared.map(({ name, before, after, ratios }) => [
      name,
      spread(before, digitsOf(before)),
      spread(after, digitsOf(after)),
      spread(ratios, 2),
    ]),
  };
}

/** Returns whether a row became worse in every round, and by more than 5 % in the median. */
export function isLoss({ name, ratios }: Pick<Compared, "name" | "ratios">): boolean {
  const worse = ratios.map((ratio) => (isMoreBetter(name) ? 1 / ratio : ratio));
  return Math.min(...worse) > 1 && median(worse) > LOSS;
}

function isMoreBetter(name: string): boolean {
  const column = name.slice(name.lastIndexOf(": ") + 2).replace(/ \(.*\)$/, "");
  return MORE_IS_BETTER.test(column);
}

/** Names each column once: one that occurs several times also has the name of the last unique one before it. */
function columnNames(head: readonly string[]): string[] {
  let unique = "";
  return head.map((name) => {
    if (head.filter((other) => other === name).length > 1) return `${name} (${unique})`;
    unique = name;
    return name;
  });
}

/** Returns the number that a cell begins with, such as the median in `"548 (506–594)"`. */
function leadingNumber(cell: string): number | undefined {
  const found = /^(-?\d+(?:\.\d+)?)(?: \(.*\))?$/.exec(cell)?.[1];
  return found === undefined ? undefined : Number(found);
}

function digitsOf(values: readonly number[]): number {
  return Math.max(0, ...values.map((value) => String(value).split(".")[1]?.length ?? 0));
}
