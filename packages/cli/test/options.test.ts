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
])("%s asks for the help: %s", (line, asks) => {
  expect(asksForHelp(line.split(" "), KNOWN)).toBe(asks);
});

test("an option that there is not is told", () => {
  expect(() => asksForHelp(["--halp"], KNOWN)).toThrow("there is no option --halp");
});
