import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import ssh2 from "ssh2";
import { afterAll, describe, expect, test } from "vitest";
import * as entry from "../../src/index.ts";
import type { Case, Peers, Ssh2 } from "./case.ts";
import { type Run, runCase, switchNagleOff } from "./run-case.ts";

/** With this variable, ssh2 runs in place of this package: it shows cases that record something else each time. */
const isRehearsal = process.env["NACRE_PARITY_REHEARSAL"] === "1";
const nacre = isRehearsal ? ssh2 : (entry as unknown as Ssh2);

/** Resolves with the cases of all files in a folder, which export them as `cases`. */
export async function casesIn<P extends Peers>(folder: string): Promise<readonly Case<P>[]> {
  const files = readdirSync(folder).filter((name) => name.endsWith(".ts"));
  const modules = await Promise.all(
    files.map(async (file) => (await import(pathToFileURL(join(folder, file)).href)) as { cases?: readonly Case<P>[] }),
  );
  return modules.flatMap(({ cases = [] }) => cases);
}

/** Declares a test for each case, and prints how many there are in each section. `more` returns the peers beside those of each case. */
export function declareCases<P extends Peers>(
  cases: readonly Case<P>[],
  more: () => Omit<P, "ssh2" | "folder" | "after">,
): void {
  switchNagleOff();
  const explained = differencesIn(readFileSync(join(import.meta.dirname, "../../README.md"), "utf8"));
  const passed = new Map<string, number>();
  const sections = grouped(cases);
  for (const [section, members] of sections)
    describe(section, () => {
      test.for(members.map((one) => [one.name, one] as const))("%s", { timeout: 60_000 }, async ([, one]) => {
        const peers = { ...more(), ssh2 } as unknown as Omit<P, "folder" | "after">;
        const theirs = await runCase(one, ssh2, peers);
        expect(theirs.failure, `with ssh2, after ${JSON.stringify(theirs.record)}`).toBeUndefined();
        expect(theirs.record, "a case records something").not.toEqual([]);
        compare(one, theirs, await runCase(one, nacre, peers), explained);
        passed.set(section, (passed.get(section) ?? 0) + 1);
      });
    });
  test("has no two cases of one name", () => {
    const names = cases.map(({ section, name }) => `${section}: ${name}`);
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
  });
  afterAll(() => {
    const lines = [...sections].map(
      ([section, members]) => `${section}: ${passed.get(section) ?? 0} of ${members.length}`,
    );
    console.log(`cases that agree with ssh2\n  ${lines.join("\n  ")}\n  all: ${sum(passed)} of ${cases.length}`);
  });
}

/** Fails if the records differ without a reason, or not as the case says. */
function compare<P extends Peers>(one: Case<P>, theirs: Run, ours: Run, explained: ReadonlySet<string>): void {
  if (one.differs === undefined || isRehearsal) {
    expect(ours.record, ours.failure ?? "the records of ssh2 and of this package").toEqual(theirs.record);
  } else {
    expect([...explained], "README's table of differences has a line for it").toContain(plain(one.differs));
    expect({ ssh2: theirs.record, nacre: ours.record }, "the `expected` of the case").toEqual(one.expected);
    expect(ours.record, "the records differ").not.toEqual(theirs.record);
  }
  expect(ours.failure).toBeUndefined();
}

/** Returns the first column of README's table of differences. */
export function differencesIn(readme: string): Set<string> {
  const table = /^## What differs\n[^|]*(?<rows>(?:\|.*\n)+)/m.exec(readme)?.groups?.["rows"] ?? "";
  const names = table
    .split("\n")
    .slice(2, -1)
    .map((row) => plain(row.split("|")[1] ?? ""));
  if (names.length === 0) throw new Error('README.md has no table below "## What differs"');
  return new Set(names);
}

function plain(markdown: string): string {
  return markdown.replaceAll("`", "").trim().toLowerCase();
}

function grouped<P extends Peers>(cases: readonly Case<P>[]): Map<string, Case<P>[]> {
  const groups = new Map<string, Case<P>[]>();
  for (const one of cases) groups.set(one.section, [...(groups.get(one.section) ?? []), one]);
  return groups;
}

function sum(counts: ReadonlyMap<string, number>): number {
  return [...counts.values()].reduce((all, count) => all + count, 0);
}
