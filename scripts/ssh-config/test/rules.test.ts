import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { patchedSource, RULES, SOURCES } from "../rules.ts";

it("every rule of ssh_config names a text that stands once in its file", () => {
  for (const rule of RULES) {
    const source = readFileSync(join(SOURCES, rule.file), "utf8");
    expect(patchedSource(source, rule)).not.toBe(source);
  }
  expect(RULES.length).toBeGreaterThan(250);
});

it("no two rules of ssh_config have the same name or change", () => {
  expect(new Set(RULES.map(({ rule }) => rule)).size).toBe(RULES.length);
  expect(new Set(RULES.map(({ file, find, replacement }) => `${file} ${find} ${replacement}`)).size).toBe(RULES.length);
});
