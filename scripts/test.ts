// Runs the unit tests and the tests with OpenSSH on this Node, and shows what the attack suite found. Passes arguments to vitest.
import { HELD } from "@nacre/testing/attacks/rows";
import { resultsOf } from "./attacks/results.ts";
import { attackTable } from "./attacks/table.ts";
import { conclude, runVitest } from "./run-vitest.ts";

const words = process.argv.slice(2);
const run = runVitest(["--project=unit*", "--project=interop*", ...words]);
if (words.length === 0) {
  const { lines, allHeld } = attackTable(
    resultsOf(
      run.tests,
      HELD.map(({ name }) => name),
    ),
  );
  // The whole table after a fault; otherwise its last line, the summary.
  for (const line of allHeld ? lines.slice(-1) : lines) console.log(line);
  conclude(run, { passed: 0, failed: 0, faults: allHeld ? [] : ["a row of the attack suite has no passing test"] });
} else conclude(run);
