import { expect, test } from "vitest";
import { asksForHelp } from "../src/options.ts";

const KNOWN = { "-p": "value", "-t": "flag", "--banner": "value" } as const;

test.each([
  ["--help", true],
  ["-h", true],
  ["-th", true],
  ["-p 22 --help", true],
  ["--help host", true],
  ["host --help", false],
  ["-- --help", false],
  ["--banner --help", false],
  ["-p -h", false],
  ["-t", false],
])("%s asks for help: %s", (line, asks) => {
  expect(asksForHelp(line.split(" "), KNOWN)).toBe(asks);
});

test("names an unknown option", () => {
  expect(() => asksForHelp(["--halp"], KNOWN)).toThrow("unknown option --halp");
});
