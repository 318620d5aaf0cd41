import { test } from "vitest";
import { expectAnswer, useLines } from "../programs/line-runner.ts";
import { LINES } from "../programs/lines/all.ts";

// What the table of command lines says about OpenSSH.

const run = useLines();

test.concurrent.each(LINES)("ssh: $name", async (line) => {
  expectAnswer(line, await run("ssh", line.line));
});
