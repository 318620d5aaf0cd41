import type { Case, CaseResult } from "./bench.ts";
import { formatMarkdown } from "./table.ts";

/** What `BENCHMARKS.md` is made of. */
export interface Run {
  /** As it was typed. */
  readonly command: string;
  /** ISO 8601, without the time of day. */
  readonly date: string;
  /** What the numbers depend on. */
  readonly setting: Readonly<Record<string, string>>;
  /** How to read them. */
  readonly reading: string;
  readonly results: readonly { readonly measured: Case; readonly result: CaseResult }[];
}

/** The whole page: everything that the run printed, whether or not it flatters us. */
export function formatPage({ command, date, setting, reading, results }: Run): string {
  const facts = { command: `\`${command}\``, date, ...setting };
  const cases = results.flatMap(({ measured, result }) => [
    `## ${measured.name}`,
    `${upperFirst(measured.what)}.`,
    ...result.tables.map(formatMarkdown),
  ]);
  return `${[
    "# Benchmarks",
    "Every row of the last full run of `pnpm bench --write`, whether or not it flatters us. [scripts/bench](scripts/bench/README.md) says how " +
      "each case is measured, and why its numbers can be trusted. The charts are drawn from the tables.",
    ["| | |", "| --- | --- |", ...Object.entries(facts).map(([name, value]) => `| ${name} | ${value} |`)].join("\n"),
    `${upperFirst(reading)}.`,
    ...cases,
  ].join("\n\n")}\n`;
}

function upperFirst(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
