// Runs every test of the attack suite, and prints a table with the result of each row for client and server. Exits with a status
// other than 0 unless every test passes.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HELD } from "@nacre/testing/attacks/rows";
import { patternOf, resultsOf } from "./results.ts";
import { attackTable } from "./table.ts";

const folder = mkdtempSync(join(tmpdir(), "nacre-attacks-"));
try {
  const report = join(folder, "results.json");
  const names = HELD.map(({ name }) => name);
  const { status } = spawnSync(
    "vitest",
    [
      "run",
      "-c",
      "scripts/config/vitest.config.ts",
      "--project=unit",
      "--reporter=default",
      "--reporter=json",
      `--outputFile.json=${report}`,
      "-t",
      patternOf(names),
      ...new Set(HELD.map(({ file }) => file)),
    ],
    { stdio: "inherit" },
  );
  const { lines, allHeld } = attackTable(resultsOf(report, names));
  for (const line of lines) console.log(line);
  process.exitCode = allHeld && status === 0 ? 0 : status || 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
