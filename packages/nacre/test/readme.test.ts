import { readFileSync } from "node:fs";
import { connected } from "@nacre/testing/nacre/host";
import { SshError, type SshErrorCode } from "@nacre/wire";
import { SERVER_LIMITS } from "nacre/internal-on-demand";
import { describe, expect, it } from "vitest";
import type { ClientUser } from "../src/users/client/client-user.ts";
import { clientList } from "../src/users/client-list.ts";
import { hostKeysClient } from "../src/users/host-keys/client.ts";

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
    const users = [...Object.values<unknown>(clientList), hostKeysClient] as readonly ClientUser[];
    const ofUsers = users.flatMap(({ limits }) => Object.entries(limits).map(([name, range]) => [name, range.default]));
    const limits = { ...SERVER_LIMITS.defaults, ...Object.fromEntries(ofUsers) };
    expect(Object.fromEntries(listed)).toEqual(limits);
    expect(listed).toHaveLength(Object.keys(limits).length);
  });
});

/** Returns the program of the README that contains `part`, as a function of the names that it uses. Its imports are among them. */
function programOf(part: string, ...names: readonly string[]): (...values: readonly unknown[]) => Promise<void> {
  const blocks = readme.split("```js\n").map((block) => block.split("```")[0]!);
  const program = blocks.find((block) => block.includes(part));
  if (program === undefined) throw new Error(`the README has no program with ${part}`);
  const AsyncFunction = (async () => {}).constructor as FunctionConstructor;
  return AsyncFunction(...names, program.replace(/^import .*$/gm, "")) as never;
}

describe("the README's retry", () => {
  const retry = programOf("try again:", "ssh", "SshError", "console");

  it.each([
    ["during the command", true],
    ["before the command", false],
  ])("runs if the connection is lost %s", async (_, isDuring) => {
    const { client, host } = await connected({ onExec: () => void (isDuring && host.cut()) });
    if (!isDuring) {
      await host.cut();
      await client.ended;
    }
    const printed: unknown[][] = [];
    await retry(client, SshError, { error: (...line: unknown[]) => printed.push(line) });
    expect(printed).toEqual([["try again:", expect.stringContaining("connection")]]);
  });

  it("does not run after `close`", async () => {
    const { client } = await connected();
    await client.close();
    await expect(retry(client, SshError, console)).rejects.toMatchObject({ code: "closed" });
  });
});

const UNITS = { "": 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, s: 1000, h: 3_600_000 };

/** Parses a cell such as `256 KiB`, `60 s` or `1,024` to bytes or milliseconds. */
function numberOf(cell: string): number {
  const [, digits = "", unit = ""] = /^([\d,]+) ?(\w*)$/.exec(cell) ?? [];
  return Number(digits.replaceAll(",", "")) * UNITS[unit as keyof typeof UNITS];
}
