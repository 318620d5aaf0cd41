// Generates the table of runtimes in this folder's README from `results.json`, which the matrix writes.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CHROMIUM } from "./browsers/list.ts";
import type { Seen } from "./seen.ts";

/** Recorded results of one runtime or browser. */
export interface RuntimeRow extends Seen {
  readonly name: string;
  readonly title: string;
  /** Socket API for `nacre`; `undefined` for `node:net` and for browsers. */
  readonly ownSockets?: string;
}

const RESULTS = join("scripts", "runtimes", "results.json");
const DOCUMENT = join("scripts", "runtimes", "README.md");
const BEGIN = "<!-- runtimes: made by `npm run runtimes -- --write` -->";
const END = "<!-- runtimes: end -->";

export function readRows(root: string): readonly RuntimeRow[] {
  return JSON.parse(readFileSync(join(root, RESULTS), "utf8")) as RuntimeRow[];
}

/** Writes `results.json`. Replaces the table with the one generated from it. */
export function writeRows(root: string, rows: readonly RuntimeRow[]): void {
  writeFileSync(join(root, RESULTS), `${JSON.stringify(rows, undefined, 2)}\n`);
  writeFileSync(join(root, DOCUMENT), withTable(readFileSync(join(root, DOCUMENT), "utf8"), rows));
}

/** Returns whether two runs have the same results. The version of Chromium may differ, because Debian updates it. */
export function isSame(some: readonly RuntimeRow[], others: readonly RuntimeRow[]): boolean {
  const text = (rows: readonly RuntimeRow[]): string =>
    JSON.stringify(rows.map((row) => (row.name === CHROMIUM.name ? { ...row, version: "" } : row)));
  return text(some) === text(others);
}

/** Returns an error message if the table differs from the one generated from `results.json`; otherwise `undefined`. */
export function staleness(root: string): string | undefined {
  const readme = readFileSync(join(root, DOCUMENT), "utf8");
  return withTable(readme, readRows(root)) === readme
    ? undefined
    : "the table of runtimes in scripts/runtimes/README.md does not match results.json";
}

function withTable(readme: string, rows: readonly RuntimeRow[]): string {
  const [begin, end] = [readme.indexOf(BEGIN), readme.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${DOCUMENT} lacks the comments around the table: ${BEGIN} … ${END}`);
  return `${readme.slice(0, begin)}${BEGIN}\n\n${table(rows)}\n\n${readme.slice(end)}`;
}

function table(rows: readonly RuntimeRow[]): string {
  const lines = [
    ["runtime", "sockets for `nacre`", "cipher preferred by `@nacre/node`", "algorithms not offered"],
    ["---", "---", "---", "---"],
    ...rows.map(({ name, title, version, ownSockets, prefers, lacks = [] }) => [
      `${title} (${version})`,
      name === CHROMIUM.name ? "–" : (ownSockets ?? "`net`"),
      prefers ?? "–",
      lacks.length === 0 ? "–" : lacks.join(", "),
    ]),
  ];
  return lines.map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
