import { readFileSync } from "node:fs";

/** Result of a test; `missing` if it did not run. */
export type Result = "passed" | "failed" | "missing";

/** The part of vitest's JSON report that is used here. */
interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

/** Reads the results of the named tests from vitest's JSON report. All are `missing` if vitest wrote no valid report. */
export function resultsOf(file: string, names: readonly string[]): Map<string, Result> {
  let report: Report = { testResults: [] };
  try {
    report = JSON.parse(readFileSync(file, "utf8")) as Report;
  } catch {
    // vitest wrote no complete report.
  }
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
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
