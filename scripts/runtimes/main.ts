// The matrix alone: npm run runtimes [-- --only deno --write file…]
import { parseArgs } from "node:util";
import { runMatrix } from "./matrix.ts";

const usage = `usage: npm run runtimes [-- --only NAME]… [--write] [file]…
  --only NAME  one runtime, as versions/package.json names it: node22, node24, node26, deno, bun
  --write      writes results.json and README's table, when all are green
  file         test files, as vitest takes them`;

// Ctrl-C ends this process in order, and its children with it.
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
  const { passed, failed, green } = await runMatrix({ only: values.only, write: values.write, words: positionals });
  console.log(`tests: ${passed} passed, ${failed} failed`);
  process.exitCode = green ? 0 : 1;
}
