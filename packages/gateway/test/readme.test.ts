import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { gatewayLimits } from "../src/limits.ts";

const UNITS = { "": 1, h: 3_600_000, MiB: 1024 ** 2, TiB: 1024 ** 4 };

/** Parses a default such as `10,000`, `64 MiB` or `1 h` to a number, bytes or milliseconds. */
function numberOf(text: string): number {
  const [, digits = "", unit = ""] = /^([\d,]+) ?(\w*)$/.exec(text) ?? [];
  return Number(digits.replaceAll(",", "")) * UNITS[unit as keyof typeof UNITS];
}

test("the README lists every limit with its default", () => {
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const [, body = ""] = /^\| limit \| default \| notes \|\n\| --- .*\n((?:\|.*\n)*)/m.exec(readme) ?? [];
  const listed = Array.from(body.matchAll(/^\| (.*?) \| (.*?) \|/gm)).flatMap(([, names = "", values = ""]) => {
    const defaults = values.split(", ");
    return names.split(", ").map((name, index) => [name.replaceAll("`", ""), numberOf(defaults[index]!)]);
  });
  expect(Object.fromEntries(listed)).toEqual(gatewayLimits());
});
