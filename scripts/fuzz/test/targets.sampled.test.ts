import { fileURLToPath } from "node:url";
import { sample } from "@nacre/testing/sample";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Bundle, bundle } from "../fuzzer/bundle.ts";
import { watch } from "../fuzzer/watch.ts";
import { pastFindings, seedsOf } from "../seeds.ts";
import { targets } from "../targets/index.ts";

const TARGETS = fileURLToPath(new URL("../targets/index.ts", import.meta.url));
/** A small number, enough to find recent regressions. `npm run fuzz` runs for a given time instead. */
const EXECUTIONS = 500;

let program: Bundle;
beforeAll(async () => {
  program = await bundle(TARGETS);
});
afterAll(() => program[Symbol.dispose]());

/** Targets that replace the timers of their process, which only the fuzzer's worker allows. */
const entryPoints = targets.filter(({ name }) => name.endsWith("-entry-point"));

it.each(targets.filter((target) => !entryPoints.includes(target)))(
  "$name keeps its contract for its seeds",
  (target) => {
    for (const seed of seedsOf(target.name)) expect(() => target.run(seed)).not.toThrow();
  },
);

describe("fuzzing", () => {
  it.each(sample(0, targets.length, 13).map((i) => targets[i]!.name))(
    "%s keeps its contract for all seeds and for inputs derived from them",
    async (target) => {
      const seeds = seedsOf(target);
      expect(seeds.length).toBeGreaterThan(0);
      const options = { seed: 1, executions: EXECUTIONS, milliseconds: Number.POSITIVE_INFINITY, seeds };
      const { finding, executions, corpus } = await watch(program, target, options);
      expect(finding?.problem).toBeUndefined();
      expect(executions).toBeGreaterThanOrEqual(EXECUTIONS);
      expect(corpus.length).toBeGreaterThan(1);
    },
  );

  it("past findings belong to existing targets", () => {
    const names = targets.map(({ name }) => name);
    expect(pastFindings.filter(({ target }) => !names.includes(target))).toEqual([]);
  });
});

describe("a past finding", () => {
  it.each(pastFindings.map(({ target, what, input }) => [target, what, input] as const))(
    "of %s stays fixed: %s",
    (target, _, input) => {
      const { run } = targets.find(({ name }) => name === target)!;
      expect(() => run(input)).not.toThrow();
    },
  );
});
