// Runs every test and closes with the table of attacks and one plain line of counts. Arguments go to vitest.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HELD } from "../packages/session/test/attacks/rows.ts";
import { resultsOf } from "./attacks/results.ts";
import { attackTable } from "./attacks/table.ts";

interface Results {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  readonly numFailedTestSuites: number;
  readonly success: boolean;
}

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
  if (whole) for (const line of attacks.lines) console.log(line);
  const skipped = results.numPendingTests + results.numTodoTests;
  if (skipped > 0) console.error(`✗ ${skipped} tests did not run: a suite that skips is not green`);
  console.log(`tests: ${results.numPassedTests} passed, ${results.numFailedTests} failed`);
  const green =
    status === 0 && results.success && skipped === 0 && results.numPassedTests > 0 && (!whole || attacks.allHeld);
  process.exitCode = green ? 0 : status || 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
