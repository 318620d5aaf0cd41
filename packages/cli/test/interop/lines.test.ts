import { test } from "vitest";
import { expectAnswer, useLines } from "../programs/line-runner.ts";
import { LINES } from "../programs/lines/all.ts";

// Command lines as people and programs type them, with our command as `ssh`: it does what OpenSSH did.

const run = useLines();

test.concurrent.each(LINES)("ssh: $name", async (line) => {
  expectAnswer(line, await run("nacre", line.line));
});
