// Runs the runtime matrix: npm run runtimes [-- --only deno --write file…]
import { parseArgs } from "node:util";
import { runMatrix } from "./matrix.ts";

const usage = `usage: npm run runtimes [-- --only NAME]… [--write] [file]…
  --only NAME  run only this runtime: chromium, node22, node24, node26, deno, bun, workerd, or windows
  --write      write results.json and README's table if all tests pass
  file         run only these test files (arguments of vitest)`;

// Exiting through `process.exit` runs the handlers that end the child processes.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

const { values, positionals } = parseArgs({
  args: process.argv.slice(2).filter((word) => word !== "--"),
  allowPositionals: true,
  options: {
    only: { type: "string", multiple: true },
    write: { type: "boolean" },
    help: { type: "boolean" },
  },
});
if (values.help) {
  console.log(usage);
} else {
  const { passed, failed, faults } = await runMatrix({ only: values.only, write: values.write, words: positionals });
  console.log(`tests: ${passed} passed, ${failed} failed`);
  process.exitCode = faults.length === 0 ? 0 : 1;
}
