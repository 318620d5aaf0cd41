import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const read = (path: string): string => readFileSync(new URL(`../../../../${path}`, import.meta.url), "utf8");

test("each row of the table of files in SECURITY.md names tests that exist", () => {
  const [, section = ""] = read("SECURITY.md").split("\n### Files\n");
  const [, folder, table] = /^\| attack \| answer \| test in `([\w/-]+)` \|\n\| --- .*\n((?:\|.*\n)*)/m.exec(section)!;
  const rows = table!.trimEnd().split("\n");
  expect(rows.length).toBeGreaterThan(8);
  for (const row of rows)
    for (const [, file, titles] of row.split(" | ")[2]!.matchAll(/`([\w-]+)`: (.*?)(?:; (?=`)| \|$)/g)) {
      const tests = read(`${folder}/${file}.test.ts`);
      for (const title of titles!.split("; ")) expect(tests).toContain(title);
    }
});
