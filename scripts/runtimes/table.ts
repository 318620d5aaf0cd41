// README's table of runtimes: made of `results.json`, which the matrix writes.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Seen } from "./interop/offered.test.ts";

/** What the matrix saw of one runtime. */
export interface RuntimeRow extends Seen {
  readonly name: string;
  readonly title: string;
  /** The sockets that `nacre` runs over; undefined where those are Node's `net`. */
  readonly ownSockets?: string;
  /** The number of tests that are left out there. */
  readonly nodeOnly: number;
}

const RESULTS = join("scripts", "runtimes", "results.json");
const BEGIN = "<!-- runtimes: made by `npm run runtimes -- --write` -->";
const END = "<!-- runtimes: end -->";

export function readRows(root: string): readonly RuntimeRow[] {
  return JSON.parse(readFileSync(join(root, RESULTS), "utf8")) as RuntimeRow[];
}

/** Writes `results.json`, and the table of it into README. */
export function writeRows(root: string, rows: readonly RuntimeRow[]): void {
  writeFileSync(join(root, RESULTS), `${JSON.stringify(rows, undefined, 2)}\n`);
  writeFileSync(join(root, "README.md"), withTable(readFileSync(join(root, "README.md"), "utf8"), rows));
}

/** What is wrong when README's table is not that of `results.json`; undefined when it is. */
export function staleness(root: string): string | undefined {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  return withTable(readme, readRows(root)) === readme
    ? undefined
    : "README's table of runtimes is not that of results.json";
}

function withTable(readme: string, rows: readonly RuntimeRow[]): string {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`README.md has no place for the table: ${BEGIN} … ${END}`);
  return `${readme.slice(0, begin)}${BEGIN}\n\n${table(rows)}\n\n${readme.slice(end)}`;
}

function table(rows: readonly RuntimeRow[]): string {
  const lines = [
    ["runtime", "`nacre` over", "`@nacre/node` prefers", "not offered there"],
    ["---", "---", "---", "---"],
    ...rows.map(({ title, version, ownSockets, prefers, lacks }) => [
      `${title} (${version})`,
      ownSockets ?? "`net`",
      prefers,
      lacks.length === 0 ? "–" : lacks.join(", "),
    ]),
  ];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
