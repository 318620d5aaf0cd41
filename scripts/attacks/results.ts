import { readFileSync } from "node:fs";

/** How a test ended; `missing` when it did not run at all. */
export type Result = "passed" | "failed" | "missing";

/** What of vitest's JSON report is looked at. */
interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

/** How the tests of these names ended, by vitest's JSON report. All are missing where it did not come to its end. */
export function resultsOf(file: string, names: readonly string[]): Map<string, Result> {
  let report: Report = { testResults: [] };
  try {
    report = JSON.parse(readFileSync(file, "utf8")) as Report;
  } catch {
    // There is none.
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

/** The pattern for vitest's `-t` that these names match. */
export function patternOf(names: readonly string[]): string {
  return names.map((name) => name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|");
}
