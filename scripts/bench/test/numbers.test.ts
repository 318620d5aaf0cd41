import { expect, test } from "vitest";
import { compare, comparisonTable, isLoss, numbersOf } from "../compare/numbers.ts";
import type { Table } from "../measure/table.ts";

const table = (head: readonly string[], ...rows: readonly (readonly string[])[]): Table => ({ title: "t", head, rows });

test("reads medians, and leaves out ratios and clients without an algorithm", () => {
  const speeds = table(
    ["client", "down MB/s", "vs. ssh2", "CPU s/GiB"],
    ["nacre", "548 (506–594)", "0.86 ×", "1.77 (1.76–1.87)"],
    ["dev-tunnels", "not offered", "–", "–"],
  );
  expect([...numbersOf(speeds)]).toEqual([
    ["nacre: down MB/s", 548],
    ["nacre: CPU s/GiB", 1.77],
  ]);
});

test("tells columns of one name apart by the column before them", () => {
  const both = table(["route", "down MB/s", "CPU s/GiB", "up MB/s", "CPU s/GiB"], ["nacre", "1", "2", "3", "4"]);
  expect([...numbersOf(both).keys()]).toEqual([
    "nacre: down MB/s",
    "nacre: CPU s/GiB (down MB/s)",
    "nacre: up MB/s",
    "nacre: CPU s/GiB (up MB/s)",
  ]);
});

test("adds a column of text to the name of the row", () => {
  const costs = table(["client", "direction", "server"], ["nacre", "download", "0.5"], ["nacre", "upload", "0.6"]);
  expect([...numbersOf(costs).keys()]).toEqual(["nacre, download: server", "nacre, upload: server"]);
});

test("reads both values of a cell with two", () => {
  expect([...numbersOf(table(["method", "nacre"], ["x25519", "24.7 / 5.7"]))]).toEqual([
    ["x25519: nacre, value 1", 24.7],
    ["x25519: nacre, value 2", 5.7],
  ]);
});

test("shows medians, and the ratios within each round", () => {
  const rounds = [
    { before: new Map([["a: ms", 10]]), after: new Map([["a: ms", 20]]) },
    { before: new Map([["a: ms", 40]]), after: new Map([["a: ms", 40]]) },
  ];
  expect(comparisonTable("t", compare(rounds)).rows).toEqual([
    ["a: ms", "25 (10–40)", "30 (20–40)", "1.50 (1.00–2.00)"],
  ]);
});

test("shows a dash for a row that one checkout does not have", () => {
  const rounds = [{ before: undefined, after: new Map([["a: ms", 1.5]]) }];
  expect(comparisonTable("t", compare(rounds)).rows).toEqual([["a: ms", "–", "1.5 (1.5–1.5)", "–"]]);
});

test.each([
  "nacre: ms",
  "nacre: CPU s/s",
  "nacre: CPU s/GiB (down MB/s)",
  "nacre: peak MiB",
  "nacre: 100 concurrent: ms",
])("counts more of `%s` as a loss", (name) => {
  expect(isLoss({ name, ratios: [1.1, 1.2] })).toBe(true);
  expect(isLoss({ name, ratios: [0.8, 0.9] })).toBe(false);
});

test.each([
  "nacre: down MB/s",
  "nacre: get files/s",
  "nacre: per second",
  "nacre: 32 concurrent",
  "open: noble: MB per CPU second",
])("counts less of `%s` as a loss", (name) => {
  expect(isLoss({ name, ratios: [0.8, 0.9] })).toBe(true);
  expect(isLoss({ name, ratios: [1.1, 1.2] })).toBe(false);
});

test("counts no loss that a round contradicts, or of 5 % or less", () => {
  expect(isLoss({ name: "nacre: ms", ratios: [1.5, 0.99, 1.5] })).toBe(false);
  expect(isLoss({ name: "nacre: ms", ratios: [1.04, 1.05, 1.3] })).toBe(false);
  expect(isLoss({ name: "nacre: ms", ratios: [] })).toBe(false);
});
