import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

test("each row of the threat model in SECURITY.md names an existing test", () => {
  const [, section = ""] = read("../SECURITY.md").split("\n## The gateway\n");
  const [table = ""] = section.split("\n## ");
  const rows = table.split("\n").filter((line) => line.startsWith("| ") && !/^\| (?:attack|---) \|/.test(line));
  expect(rows.length).toBeGreaterThan(30);
  for (const row of rows) {
    const {
      folder = "gateway",
      file,
      title,
    } = /\| `(?:(?<folder>(?!(?:interop|verify)\/)\w+)\/)?(?<file>(?:(?:interop|verify)\/)?[\w-]+)`: (?<title>.+) \|$/.exec(
      row,
    )!.groups!;
    expect([row, read(`${folder}/test/${file}.test.ts`).split(`"${title}"`).length]).toEqual([row, 2]);
  }
});
