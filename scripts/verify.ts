// Runs all tests that `npm test` does not run: all cases of sampled unit tests, the tests with programs of others and with browsers, and the
// runtime matrix.
import { conclude, runVitest } from "./run-vitest.ts";
import { runMatrix } from "./runtimes/matrix.ts";

// Exiting through `process.exit` runs the handlers that end the child processes.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

const run = runVitest(["--project=thorough", "--project=verify"]);
conclude(run, await runMatrix());
