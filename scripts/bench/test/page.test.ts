import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { Case } from "../bench.ts";
import { formatPage } from "../page.ts";

const text = (name: string): string => readFileSync(new URL(name, import.meta.url), "utf8").trimEnd();

test("ends BENCHMARKS.md with the text of costs.md", () => {
  expect(text("../../../BENCHMARKS.md").endsWith(`\n\n${text("../costs.md")}`)).toBe(true);
});

test("formats a page with the setting, a table for each case, and the costs", () => {
  const measured: Case = { name: "bulk", what: "one large file", run: () => Promise.reject(new Error("not run")) };
  const table = { title: "aes|gcm", head: ["client", "MB/s"], rows: [["a|b", "1"]], notes: ["A note."] };
  const page = formatPage({
    command: "pnpm bench --write",
    date: "2026-01-02",
    setting: { node: "v20" },
    reading: "medians",
    results: [{ measured, result: { tables: [table], samples: [] } }],
  });
  expect(page).toContain("| command | `pnpm bench --write` |\n| date | 2026-01-02 |\n| node | v20 |");
  expect(page).toContain(
    "## bulk\n\nOne large file.\n\n### aes|gcm\n\n| client | MB/s |\n| --- | --: |\n| a\\|b | 1 |\n\nA note.",
  );
  expect(page.trimEnd().endsWith(text("../costs.md"))).toBe(true);
});
