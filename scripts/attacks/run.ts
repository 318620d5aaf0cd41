// Runs every test of the attack suite, and prints a table with the result of each row for client and server. Exits with a status
// other than 0 unless every test passes.
import { HELD } from "@nacre/testing/attacks/rows";
import { runVitest } from "../run-vitest.ts";
import { patternOf, resultsOf } from "./results.ts";
import { attackTable } from "./table.ts";

const names = HELD.map(({ name }) => name);
const files = new Set(HELD.map(({ file }) => file));
const run = runVitest(["--project=unit*", "-t", patternOf(names), ...files]);
const { lines, allHeld } = attackTable(resultsOf(run.tests, names));
for (const line of lines) console.log(line);
for (const fault of run.faults) console.log(`✗ ${fault}`);
process.exitCode = allHeld && run.faults.length === 0 ? 0 : 1;
