import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { chartFiles, withAlternatives, withCharts } from "../charts.ts";
import { pictures } from "../pictures.ts";
import { tablesOf } from "../tables.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const read = (file: string): string => readFileSync(join(root, file), "utf8");
const drawn = await pictures(root);
const images = [...drawn.keys()].filter((file) => file.endsWith(".svg"));

test.each([...drawn.keys()])("%s is up to date (if not, run npm run pictures)", (file) => {
  expect(read(file)).toBe(drawn.get(file));
});

test("every SVG in scripts/pictures is generated, and shown by a document", () => {
  const files = readdirSync(join(root, "scripts/pictures")).filter((name) => name.endsWith(".svg"));
  expect(files.map((name) => `scripts/pictures/${name}`).sort()).toEqual([...images].sort());
  const documents = ["BENCHMARKS.md", "README.md", "ARCHITECTURE.md"].map(read).join("");
  for (const file of images) expect(documents).toMatch(new RegExp(`!\\[[^\\]]{40,}\\]\\(${file}\\)`));
});

test("a number of a table changes its chart and the alternative text", () => {
  const page = read("BENCHMARKS.md");
  const [number] = /(?<=\| nacre \| )[\d.]+(?= \()/.exec(page)!;
  const changed = page.replace(`| nacre | ${number} (`, "| nacre | 77.7 (");
  expect(chartFiles(changed).get("scripts/pictures/connect.svg")).toContain(">77.7");
  expect(withCharts(changed)).toContain("less is better. nacre 77.7, ");
  expect(withAlternatives("![](scripts/pictures/connect.svg)", changed)).toContain("nacre 77.7, ");
});

test("throws with the names of table and client if a row is missing", () => {
  const page = read("BENCHMARKS.md").replaceAll(/^\| ssh \|.*\n/gm, "");
  expect(() => chartFiles(page)).toThrow(
    'table "Time to the first output byte of `echo ok`, Ed25519 key, in one warm process" lacks column ms for client ssh',
  );
});

test.each(images)("%s has a title and dark colours, and no ids that depend on earlier drawings", (file) => {
  const svg = read(file);
  expect(svg).toMatch(/<svg role="img" [^>]*>\n<title>[^<]{40,}<\/title>/);
  expect(svg).toContain("@media (prefers-color-scheme: dark)");
  expect(svg).not.toMatch(/zr\d/);
});

test.each([
  ["first output, 40 ms path", "Time to the first output byte of `echo ok` at 40 ms", "ms"],
  ["download, 40 ms path", "256 MiB at 40 ms and 500 Mbit/s, aes256-gcm", "down MB/s"],
])("README has the numbers of BENCHMARKS.md for %s", (name, begin, column) => {
  const { head, rows } = tablesOf(read("BENCHMARKS.md")).find(({ title }) => title.startsWith(begin))!;
  const median = (client: string): string =>
    rows.find(([one]) => one === client)![head.indexOf(column)]!.split(" ")[0]!;
  const unit = column.split(" ").at(-1);
  expect(read("README.md")).toContain(
    `| ${name} | ${median("nacre")} ${unit} | ${median("ssh2, no-delay")} ${unit} |\n`,
  );
});
