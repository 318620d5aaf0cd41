import { closeSync, openSync } from "node:fs";
import { expect, test } from "vitest";
import { unread } from "../src/terminal/terminal-host.ts";

test("unread stops at a limit if another process keeps printing to the terminal", () => {
  const endless = openSync("/dev/zero", "r");
  const pieces = unread(endless);
  closeSync(endless);
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  // Linux buffers about 18 KiB of a terminal's output.
  expect(length).toBeGreaterThan(32 * 1024);
  expect(length).toBeLessThanOrEqual(64 * 1024);
});
