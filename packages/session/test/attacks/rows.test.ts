import { existsSync, readdirSync, readFileSync } from "node:fs";
import { AREAS, HELD } from "@nacre/testing/attacks/rows";
import { readRules } from "@nacre/testing/attacks/rules";
import { expect, test } from "vitest";

const root = new URL("../../../../", import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, root), "utf8");
const FOLDER = "packages/session/test/attacks";

/** Where tests of rows live, and nothing else. */
const FILES = ["cli/test", "nacre/test", "nacre/test/forward", "node/test"].map(
  (folder) => `packages/${folder}/attacks.test.ts`,
);

test("every row has its test on each side that it touches, and every test its row", () => {
  for (const { file, name } of HELD) {
    expect([file, existsSync(new URL(file, root))]).toEqual([file, true]);
    expect([name, read(file).split(`"${name}"`).length - 1]).toEqual([name, 1]);
  }
  const tests = readdirSync(new URL(FOLDER, root))
    .filter((name) => name.endsWith(".test.ts") && name !== "rows.test.ts")
    .map((name) => `${FOLDER}/${name}`)
    .concat(FILES)
    .flatMap((file) => [...read(file).matchAll(/^test\("([^"]*)"/gm)].map((match) => match[1]));
  const rows = HELD.map(({ name }) => name);
  expect(new Set(tests)).toEqual(new Set(rows));
  expect(tests).toHaveLength(rows.length);
});

test("the rows are as many as there are classes, each with a title of its own and something that would break it", () => {
  const rows = Object.values(AREAS).flat();
  expect(Object.values(AREAS).map(({ length }) => length)).toEqual([13, 11, 9, 7, 8, 13]);
  expect(new Set(rows.map(({ title }) => title)).size).toBe(rows.length);
  for (const { title, missing, client, server } of rows) {
    expect([client, server]).not.toEqual(["not touched", "not touched"]);
    // A row that one side cannot be tested for yet names the missing part.
    if ([client, server].includes("not there yet"))
      expect([title, missing]).toEqual([title, expect.stringMatching(/./)]);
  }
  for (const { name, patches } of HELD) expect([name, patches.length > 0]).toEqual([name, true]);
});

test("every patch changes rules that the sources have, and every rule in the sources has its patch", () => {
  const rules = readRules(root);
  const patches = HELD.flatMap(({ patches }) => patches);
  for (const patch of patches)
    for (const [file, source] of rules.patched(patch)) expect([patch, source]).not.toEqual([patch, read(file)]);
  expect(rules.ids.sort()).toEqual([...new Set(patches.flat().map(({ rule }) => rule))].sort());
});
