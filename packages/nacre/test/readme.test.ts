import { readFileSync } from "node:fs";
import { SshError, type SshErrorCode } from "@nacre/wire";
import { SERVER_LIMITS } from "nacre/internal-server";
import { describe, expect, it } from "vitest";

const read = (path: string): string => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
const readme = read("packages/nacre/README.md");

/** Returns the cells of each row in the table with this header. */
function rowsOf(head: string): string[][] {
  const [, table = ""] = readme.split(`| ${head} |\n`);
  const [body = ""] = table.split("\n\n");
  return body
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) =>
      line
        .slice(1, -1)
        .split(" | ")
        .map((cell) => cell.trim().replaceAll("`", "")),
    );
}

describe("the README", () => {
  it("lists every error code with its culprit, in the order of the source", () => {
    const codes = [...read("packages/wire/src/errors.ts").matchAll(/^ {2}"?([a-z-]+)"?: \["\w+"(?:, "\w+")?\],$/gm)];
    expect(codes.length).toBeGreaterThan(40);
    expect(rowsOf("code | culprit | when").map(([code, culprit]) => [code, culprit])).toEqual(
      codes.map(([, code]) => [code, new SshError(code as SshErrorCode, "").culprit]),
    );
  });

  it("lists every limit with its default", () => {
    const listed = rowsOf("limit | default | bounds").map(([name, value]) => [name, numberOf(value!)]);
    expect(Object.fromEntries(listed)).toEqual(SERVER_LIMITS.defaults);
    expect(listed).toHaveLength(Object.keys(SERVER_LIMITS.defaults).length);
  });
});

const UNITS = { "": 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, s: 1000, h: 3_600_000 };

/** Parses a cell such as `256 KiB`, `60 s` or `1,024` to bytes or milliseconds. */
function numberOf(cell: string): number {
  const [, digits = "", unit = ""] = /^([\d,]+) ?(\w*)$/.exec(cell) ?? [];
  return Number(digits.replaceAll(",", "")) * UNITS[unit as keyof typeof UNITS];
}
