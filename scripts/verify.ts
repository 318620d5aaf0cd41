// Runs all tests that `npm test` does not run: all cases of sampled unit tests, the tests with programs of others and with browsers, the
// runtime matrix, and the tests without the parts that can be deleted.
import { spawnSync } from "node:child_process";
import { conclude, runVitest } from "./run-vitest.ts";
import { runMatrix } from "./runtimes/matrix.ts";

// Exiting through `process.exit` runs the handlers that end the child processes.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

const run = runVitest(["--project=thorough", "--project=verify"]);
const matrix = await runMatrix();
const { status } = spawnSync(process.execPath, ["--import", "tsx", "scripts/without.ts"], { stdio: "inherit" });
const without =
  status === 0
    ? { passed: 1, failed: 0, faults: [] }
    : { passed: 0, failed: 1, faults: ["scripts/without.ts: a part cannot be deleted"] };
conclude(run, matrix, without);
