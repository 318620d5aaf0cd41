import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { stripVTControlCharacters } from "node:util";

/** Result of one test, as vitest's JSON report has it. */
export interface TestResult {
  /** Titles of the suites and of the test, separated by spaces. */
  readonly fullName: string;
  /** `passed`, `failed`, or a word for a test that did not run. */
  readonly status: string;
  /** Message and stack of each error. */
  readonly failureMessages?: readonly string[];
}

export interface VitestRun {
  readonly passed: number;
  readonly failed: number;
  /** One line for each failed or skipped test, file that could not be loaded, and other error; empty if everything passed. */
  readonly faults: readonly string[];
  readonly tests: readonly TestResult[];
}

/** The part of vitest's JSON report that is used here. */
interface Report {
  readonly testResults: readonly {
    /** Path of the test file. */
    readonly name: string;
    /** The error of a file that could not be loaded; otherwise empty. */
    readonly message: string;
    readonly assertionResults: readonly TestResult[];
  }[];
}

/**
 * Runs vitest with the project's configuration and prints its output. `words` are its arguments. With `-t` among them, the tests that do
 * not match are not counted as skipped.
 */
export function runVitest(words: readonly string[]): VitestRun {
  const folder = mkdtempSync(join(tmpdir(), "nacre-test-"));
  try {
    const file = join(folder, "results.json");
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
    const args = ["run", "-c", "scripts/config/vitest.config.ts", ...reporters, ...words];
    const { status, signal } = spawnSync("vitest", args, { stdio: "inherit" });
    const { testResults } = reportIn(file);
    const tests = readTests(file);
    const count = (wanted: string): number => tests.filter((test) => test.status === wanted).length;
    const [passed, failed] = [count("passed"), count("failed")];
    const faults = faultsOf(testResults);
    const skipped = tests.length - passed - failed;
    if (skipped > 0 && !words.includes("-t")) faults.push(`${skipped} tests were skipped; every test must run`);
    if (passed === 0) faults.push("no test passed");
    // An error outside a test, such as an unhandled rejection.
    if (status !== 0 && faults.length === 0) faults.push(`vitest ended with ${signal ?? `status ${status}`}`);
    return { passed, failed: failed === 0 && faults.length > 0 ? 1 : failed, faults, tests };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Prints the faults, and a last line with the numbers of passed and failed tests. Sets the exit code. */
export function conclude(...runs: readonly Pick<VitestRun, "passed" | "failed" | "faults">[]): void {
  const faults = runs.flatMap((run) => run.faults);
  for (const fault of faults) console.log(`✗ ${fault}`);
  const sum = (of: "passed" | "failed"): number => runs.reduce((total, run) => total + run[of], 0);
  console.log(`tests: ${sum("passed")} passed, ${sum("failed")} failed`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}

/** Returns the results of all tests in vitest's JSON report; empty if vitest wrote no valid report. */
export function readTests(file: string): TestResult[] {
  return reportIn(file).testResults.flatMap(({ assertionResults }) => assertionResults);
}

function reportIn(file: string): Report {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Report;
  } catch {
    // vitest wrote no complete report.
    return { testResults: [] };
  }
}

/** Returns the start of a failed test's errors, with the places where they were thrown, in one line. */
export function reasonOf({ failureMessages = [] }: Pick<TestResult, "failureMessages">): string {
  const starts = failureMessages.map((text) =>
    stripVTControlCharacters(text)
      .split("\n", 4)
      .map((line) => line.trim())
      .join(" | "),
  );
  return starts.join("; ").slice(0, 1000);
}

function faultsOf(testResults: Report["testResults"]): string[] {
  return testResults.flatMap(({ name, message, assertionResults }) => [
    ...(message === "" ? [] : [`${relative(process.cwd(), name)}: ${message.split("\n")[0]}`]),
    ...assertionResults
      .filter(({ status }) => status === "failed")
      .map((test) => `failed: ${relative(process.cwd(), name)}: ${test.fullName}: ${reasonOf(test)}`),
  ]);
}
