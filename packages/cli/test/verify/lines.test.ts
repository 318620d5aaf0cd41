import { describe, test } from "vitest";
import { expectAnswer, type Program, useLines } from "../programs/line-runner.ts";
import { DIFFERENCES, LINES } from "../programs/lines/all.ts";
import type { Line } from "../programs/lines/line.ts";

// Command lines as people and programs type them: our command as `ssh` does what OpenSSH does, and what the table says.

const run = useLines();

function differs({ name }: Line): boolean {
  return Object.hasOwn(DIFFERENCES, name);
}

async function check(line: Line, program: Program): Promise<void> {
  expectAnswer(line, await run(program, line.line));
}

describe("OpenSSH", () => {
  test.concurrent.each(LINES)("ssh: $name", (line) => check(line, "ssh"));
});

describe("nacre", () => {
  test.concurrent.each(LINES.filter((line) => !differs(line)))("ssh: $name", (line) => check(line, "nacre"));

  // So that a difference that has gone is taken off the list.
  test.concurrent.fails.each(LINES.filter(differs))("ssh, another answer: $name", (line) => check(line, "nacre"));
});
