import { expect, test } from "vitest";
import { formatTable, median, spread } from "../measure/table.ts";
import { tasksTable } from "../web/web-tables.ts";

/** Returns a transfer with these tasks over 50 ms. */
const measured = (longestGapMs: number, ...tasks: readonly number[]) => ({
  seconds: 1,
  bytes: 1,
  sha256: undefined,
  counts: { messagesIn: 0, bytesIn: 0, messagesOut: 0, bytesOut: 0, sshBytesIn: 0, sshBytesOut: 0 },
  restored: 0,
  secondsLost: 0,
  cpuSeconds: 1,
  tasks: { longestGapMs, longestTaskMs: Math.max(0, ...tasks), longTasks: tasks.length },
});

test("takes the middle value, or the mean of the two in the middle", () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 10])).toBe(3);
  expect(median([])).toBeNaN();
});

test("shows the median with the least and the greatest value, and a dash without values", () => {
  expect(spread([3, 1, 2.04], 1)).toBe("2.0 (1.0–3.0)");
  expect(spread([], 1)).toBe("–");
});

test("aligns names to the left and numbers to the right", () => {
  const table = { title: "Title", head: ["client", "ms"], rows: [["a", "10.5"]], notes: ["A note."] };
  expect(formatTable(table)).toBe("Title\nclient    ms\n──────  ────\na       10.5\n  A note.\n");
});

test("shows no longest task below the length that Chromium reports", () => {
  const lane = { place: "Chromium", peer: "nacre" } as const;
  const results = new Map([
    [lane, { download: [measured(12), measured(20)], upload: [measured(90, 60, 80), measured(70, 65)] }],
  ]);
  expect(tasksTable(2 ** 30, results).rows).toEqual([
    ["nacre in Chromium", "16 (12–20)", "≤ 50", "0", "80 (70–90)", "80", "3"],
  ]);
});
