import { test } from "vitest";
import { expectAnswer, useLines } from "../programs/line-runner.ts";
import { DIFFERENCES, LINES } from "../programs/lines/all.ts";

// Command lines as people and programs type them, with our command as `ssh`: it does what OpenSSH did.

const run = useLines();
const differs = (name: string): boolean => Object.hasOwn(DIFFERENCES, name);

test.concurrent.each(LINES.filter(({ name }) => !differs(name)))("ssh: $name", async (line) => {
  expectAnswer(line, await run("nacre", line.line));
});

// So that a difference that has gone is taken off the list.
test.concurrent.fails.each(LINES.filter(({ name }) => differs(name)))("ssh, another answer: $name", async (line) => {
  expectAnswer(line, await run("nacre", line.line));
});
