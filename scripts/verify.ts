// Runs all tests that `npm test` does not run: all cases of sampled unit tests, the tests with programs of others and with browsers, the
// runtime matrix, the tests without the parts that can be deleted, and ssh_config beside `ssh -G`.
import { spawnSync } from "node:child_process";
import { conclude, runVitest, type VitestRun } from "./run-vitest.ts";
import { runMatrix } from "./runtimes/matrix.ts";

// Exiting through `process.exit` runs the handlers that end the child processes.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

const run = runVitest(["--project=thorough", "--project=verify*"]);
const matrix = await runMatrix();
const without = script("a part cannot be deleted", "without.ts");
const rules = script("a rule of ssh_config cannot fail", "ssh-config.ts", "--can-fail");
const config = script("ssh -G prints something else", "ssh-config.ts", "--seed", "1,2,3", "--cases", "1400");
conclude(run, matrix, without, rules, config);

/** Runs a script as one test. */
function script(
  fault: string,
  name: string,
  ...words: readonly string[]
): Pick<VitestRun, "passed" | "failed" | "faults"> {
  const args = ["--conditions=@nacre/source", "--import", "tsx", `scripts/${name}`, ...words];
  const { status } = spawnSync(process.execPath, args, { stdio: "inherit" });
  if (status === 0) return { passed: 1, failed: 0, faults: [] };
  return { passed: 0, failed: 1, faults: [`scripts/${name}: ${fault}`] };
}
