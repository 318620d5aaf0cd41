import { readFileSync } from "node:fs";
import type { Case, CaseResult } from "./bench.ts";
import { formatMarkdown } from "./measure/table.ts";

/** The content of `BENCHMARKS.md`. */
export interface Run {
  /** The command line of the run. */
  readonly command: string;
  /** Date in the form YYYY-MM-DD. */
  readonly date: string;
  /** Facts that the numbers depend on, by name. */
  readonly setting: Readonly<Record<string, string>>;
  /** Explanation of the numbers. */
  readonly reading: string;
  readonly results: readonly { readonly measured: Case; readonly result: CaseResult }[];
}

/** Formats the whole page: every table that the run printed, then what the numbers are made of (`costs.md`). */
export function formatPage({ command, date, setting, reading, results }: Run): string {
  const facts = { command: `\`${command}\``, date, ...setting };
  const cases = results.flatMap(({ measured, result }) => [
    `## ${measured.name}`,
    `${upperFirst(measured.what)}.`,
    ...result.tables.map(formatMarkdown),
  ]);
  return `${[
    "# Benchmarks",
    "All results of the last full run of `pnpm bench --write`, good or bad. [scripts/bench](scripts/bench/README.md) describes how " +
      "each case is measured, and how the measurements are checked. The charts are drawn from the tables.",
    ["| | |", "| --- | --- |", ...Object.entries(facts).map(([name, value]) => `| ${name} | ${value} |`)].join("\n"),
    `${upperFirst(reading)}.`,
    ...cases,
    readFileSync(new URL("costs.md", import.meta.url), "utf8").trimEnd(),
  ].join("\n\n")}\n`;
}

function upperFirst(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
