import type { TestResult } from "../run-vitest.ts";

/** Result of a test; `missing` if it did not run. */
export type Result = "passed" | "failed" | "missing";

/** Returns the results of the named tests. */
export function resultsOf(tests: readonly TestResult[], names: readonly string[]): Map<string, Result> {
  return new Map(
    names.map((name) => {
      const ran = tests.filter(({ fullName, status }) => fullName.includes(name) && /^(passed|failed)$/.test(status));
      const result = ran.length === 0 ? "missing" : ran.some(({ status }) => status === "failed") ? "failed" : "passed";
      return [name, result];
    }),
  );
}

/** Returns a pattern for vitest's option `-t` that matches these test names. */
export function patternOf(names: readonly string[]): string {
  return names.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
}
