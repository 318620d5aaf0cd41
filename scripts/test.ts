// Runs every test on this Node, then the tests of the runtime matrix. At the end prints the table of attacks and a line with the number of
// passed and failed tests. With arguments, passes them to vitest and skips the matrix and the table.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
  if (skipped > 0) console.error(`✗ ${skipped} tests were skipped; every test must run`);
  const passed = results.numPassedTests + (matrix?.passed ?? 0);
  const failed = results.numFailedTests + (matrix?.failed ?? 0);
  console.log(`tests: ${passed} passed, ${failed} failed`);
  const isGreen = status === 0 && results.success && skipped === 0 && results.numPassedTests > 0;
  const green = isGreen && (matrix?.green ?? true) && (!whole || attacks.allHeld);
  process.exitCode = green ? 0 : status || 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
