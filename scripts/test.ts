// Runs every test, then those of the matrix of runtimes, and closes with the table of attacks and one plain line of counts. Arguments go to
// vitest, and leave the matrix out.
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

// Ctrl-C ends this process in order, and its children with it.
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
  if (skipped > 0) console.error(`✗ ${skipped} tests did not run: a suite that skips is not green`);
  const passed = results.numPassedTests + (matrix?.passed ?? 0);
  const failed = results.numFailedTests + (matrix?.failed ?? 0);
  console.log(`tests: ${passed} passed, ${failed} failed`);
  const isGreen = status === 0 && results.success && skipped === 0 && results.numPassedTests > 0;
  const green = isGreen && (matrix?.green ?? true) && (!whole || attacks.allHeld);
  process.exitCode = green ? 0 : status || 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
