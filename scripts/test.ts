// Runs every test on this Node, then the tests of the runtime matrix. At the end prints the table of attacks, every fault on a line, and a
// line with the number of passed and failed tests. With arguments, passes them to vitest and skips the matrix and the table.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { HELD } from "@nacre/testing/attacks/rows";
import { resultsOf } from "./attacks/results.ts";
import { attackTable } from "./attacks/table.ts";
import { runMatrix } from "./runtimes/matrix.ts";

interface Results {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly numFailedTestSuites: number;
  readonly success: boolean;
  readonly testResults: readonly {
    /** Path of the test file. */
    readonly name: string;
    /** The error of a file that could not be loaded; otherwise empty. */
    readonly message: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

// Exiting through `process.exit` runs the handlers that end the child processes.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

const folder = mkdtempSync(join(tmpdir(), "nacre-test-"));
try {
  const file = join(folder, "results.json");
  const args = [
    "run",
    "-c",
    "scripts/config/vitest.config.ts",
    "--coverage",
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${file}`,
  ];
  const { status } = spawnSync("vitest", [...args, ...process.argv.slice(2)], { stdio: "inherit" });
  const results = JSON.parse(readFileSync(file, "utf8")) as Results;
  const names = HELD.map(({ name }) => name);
  const attacks = attackTable(resultsOf(file, names));
  const whole = process.argv.length === 2;
  const matrix = whole ? await runMatrix() : undefined;
  if (whole) for (const line of attacks.lines) console.log(line);
  const skipped = results.numPendingTests + results.numTodoTests;
  const faults = [...faultsOf(results), ...(matrix?.faults ?? [])];
  if (skipped > 0) faults.push(`${skipped} tests were skipped; every test must run`);
  for (const fault of faults) console.log(`✗ ${fault}`);
  const passed = results.numPassedTests + (matrix?.passed ?? 0);
  const failed = results.numFailedTests + (matrix?.failed ?? 0);
  console.log(`tests: ${passed} passed, ${failed} failed`);
  const isGreen = status === 0 && results.success && results.numPassedTests > 0 && faults.length === 0;
  const green = isGreen && (!whole || attacks.allHeld);
  process.exitCode = green ? 0 : status || 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Returns a line for each failed test, and for each file that could not be loaded. */
function faultsOf({ testResults }: Results): string[] {
  return testResults.flatMap(({ name, message, assertionResults }) => [
    ...(message === "" ? [] : [`${relative(process.cwd(), name)}: ${message.split("\n")[0]}`]),
    ...assertionResults
      .filter(({ status }) => status === "failed")
      .map(({ fullName }) => `failed: ${relative(process.cwd(), name)}: ${fullName}`),
  ]);
}
