import { closeSync, openSync } from "node:fs";
import { expect, test } from "vitest";
import { unread } from "../src/terminal-host.ts";

test("what a terminal has at its end is read to a bound, though somebody goes on printing to it", () => {
  const endless = openSync("/dev/zero", "r");
  const pieces = unread(endless);
  closeSync(endless);
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  // Linux keeps some 18 KiB of a terminal's output.
  expect(length).toBeGreaterThan(32 * 1024);
  expect(length).toBeLessThanOrEqual(64 * 1024);
});
