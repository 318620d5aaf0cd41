import { existsSync, readdirSync, readFileSync } from "node:fs";
import { AREAS, HELD } from "@nacre/testing/attacks/rows";
import { readRules } from "@nacre/testing/attacks/rows/rules";
import { expect, test } from "vitest";

const root = new URL("../../../../", import.meta.url);
const read = (file: string): string => readFileSync(new URL(file, root), "utf8");
const FOLDER = "packages/protocol/test/attacks";

/** Files outside the suite's folder that contain only tests of rows. A row can also name a test of any other file. */
const FILES = ["cli/test", "nacre/test", "nacre/test/forward", "node/test"].map(
  (folder) => `packages/${folder}/attacks.test.ts`,
);

test("every row has a test on each side it affects, and every test belongs to a row", () => {
  for (const { file, name } of HELD) {
    expect([file, existsSync(new URL(file, root))]).toEqual([file, true]);
    expect([name, read(file).split(`"${name}"`).length - 1]).toEqual([name, 1]);
  }
  const tests = readdirSync(new URL(FOLDER, root))
    .filter((name) => name.endsWith(".test.ts") && name !== "rows.test.ts")
    .map((name) => `${FOLDER}/${name}`)
    .concat(FILES)
    .flatMap((file) => [...read(file).matchAll(/^test\("([^"]*)"/gm)].map((match) => match[1]));
  // Rows may also name tests of other files, which have other tests besides.
  const rows = HELD.filter(({ file }) => file.startsWith(FOLDER) || FILES.includes(file)).map(({ name }) => name);
  expect(new Set(tests)).toEqual(new Set(rows));
  expect(tests).toHaveLength(rows.length);
});

test("the number of rows is as expected, titles are unique, and every test has a patch that must break it", () => {
  const rows = Object.values(AREAS).flat();
  const counts = Object.entries(AREAS).map(([area, { length }]) => [area, length]);
  expect(Object.fromEntries(counts)).toEqual({
    Transport: 13,
    Cryptography: 12,
    Authentication: 15,
    "Certificate logins": 11,
    Connection: 9,
    "Client, files, terminals": 8,
    "Host keys": 6,
    "The edges": 17,
    Web: 5,
    Gateway: 13,
    SFTP: 71,
    scp: 26,
    "The configuration": 16,
    "Agent protocol": 23,
    "Agent forwarding": 3,
    Reconnecting: 2,
    "Masters of OpenSSH": 6,
    "Signed files and revoked keys": 13,
    Windows: 6,
    "Programs for ssh2": 3,
  });
  expect(new Set(rows.map(({ title }) => title)).size).toBe(rows.length);
  for (const { title, missing, client, server } of rows) {
    expect([client, server]).not.toEqual(["not touched", "not touched"]);
    // A row that cannot be tested on one side yet names the missing feature.
    if ([client, server].includes("not there yet"))
      expect([title, missing]).toEqual([title, expect.stringMatching(/./)]);
  }
  for (const { name, patches } of HELD) expect([name, patches.length > 0]).toEqual([name, true]);
});

test("every patch changes existing rules, and every rule in the sources has a patch", () => {
  const rules = readRules(root);
  const patches = HELD.flatMap(({ patches }) => patches);
  for (const patch of patches)
    for (const [file, source] of rules.patched(patch)) expect([patch, source]).not.toEqual([patch, read(file)]);
  expect(rules.ids.sort()).toEqual([...new Set(patches.flat().map(({ rule }) => rule))].sort());
});
