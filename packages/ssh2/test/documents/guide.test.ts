import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import ssh2 from "ssh2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import * as entry from "../../src/index.ts";
import type { Ssh2 } from "../parity/case.ts";
import { type Block, blocksOf } from "./blocks.ts";
import { connections } from "./guide-connections.ts";
import { forwards } from "./guide-forwards.ts";
import { others } from "./guide-others.ts";
import { sessions } from "./guide-sessions.ts";
import { type Host, startHost } from "./host.ts";
import { type Effects, newStage } from "./stage.ts";

// Runs every block of GUIDE.md against a host on loopback: those for ssh2 with ssh2 and with this package.

const GUIDE = readFileSync(join(import.meta.dirname, "../../GUIDE.md"), "utf8");
const BLOCKS = blocksOf(GUIDE);
const EFFECTS: Effects = { ...connections, ...sessions, ...forwards, ...others };

const headings = [...new Set(BLOCKS.map(({ heading }) => heading))];

test("each section has one block for ssh2, then one for Nacre, and its effects", () => {
  expect(headings.toSorted()).toEqual(Object.keys(EFFECTS).toSorted());
  for (const heading of headings) {
    const [first, second, ...more] = BLOCKS.filter((block) => block.heading === heading);
    expect(more, heading).toEqual([]);
    expect(first?.code, heading).toMatch(/ from "ssh2";/);
    expect(second?.code, heading).not.toMatch(/ from "ssh2";/);
  }
});

/** Methods of SFTP for servers, inner ones, and those that every stream has. */
const NO_CALLS = /^(?:constructor|_init|push|destroy|readData|writeData|handle|status|data|name|attrs)$/;

/** What the guide says of ssh2: the code for it, the first columns of tables, and the sentences. */
const OF_SSH2 = [
  ...BLOCKS.filter(({ code }) => / from "ssh2";/.test(code)).map(({ code }) => code),
  ...GUIDE.replaceAll(/^```.*?^```$/gms, "")
    .split("\n")
    .map((line) => line.replace(/^(\| .*?) \| .*/, "$1")),
].join("\n");

test("names every method of ssh2's clients and SFTP", () => {
  const { SFTP } = createRequire(import.meta.url)("ssh2/lib/protocol/SFTP.js") as { readonly SFTP: typeof Object };
  const methods = [ssh2.Client, SFTP].flatMap(({ prototype }) => Object.getOwnPropertyNames(prototype));
  expect(methods.length).toBeGreaterThan(60);
  const missing = methods.filter(
    (name) => !NO_CALLS.test(name) && !OF_SSH2.includes(`.${name}(`) && !OF_SSH2.includes(`\`${name}\``),
  );
  expect(missing).toEqual([]);
});

test("names only methods of Nacre's SFTP in its tables", async () => {
  const host = await startHost();
  const stage = await newStage(host, ssh2);
  try {
    const ssh = await stage.nacreClient();
    const sftp = await ssh.sftp();
    const file = await sftp.open("/file");
    for (const [left, right] of rowsOf("`sftp` of `@nacre/node`"))
      expect(missingIn(sftp, right === "the same names, with promises" ? left : right)).toEqual([]);
    for (const [, right] of rowsOf("the result of `sftp.open`"))
      expect(missingIn(file, right.replace("; `statfs` of `sftp`", ""))).toEqual([]);
    await file.close();
    await sftp.close();
  } finally {
    await stage.close();
    await host.close();
  }
});

/** Returns the cells of the table with this second column. */
function rowsOf(head: string): (readonly [left: string, right: string])[] {
  const [, table = ""] = GUIDE.split(`| ssh2 | ${head} |\n`);
  const rows = table.split("\n\n")[0]!.split("\n").slice(1);
  expect(rows.length).toBeGreaterThan(2);
  return rows.map((row) => {
    const [, left = "", right = ""] = row.split(" | ").flatMap((cell, at) => (at === 0 ? ["", cell] : [cell]));
    return [left, right.replace(/ \|$/, "")];
  });
}

/** Returns the names in the cell that are no functions of an object. */
function missingIn(owner: object, cell: string): string[] {
  const names = Array.from(cell.matchAll(/`(\w+)`/g), ([, name]) => name!);
  expect(names.length).toBeGreaterThan(0);
  return names.filter((name) => typeof (owner as Readonly<Record<string, unknown>>)[name] !== "function");
}

// Most blocks do not listen to the errors of what the stage closes. They must not reach vitest: the effects of a block are what counts.
// This file's process ends with it.
beforeAll(() => void process.removeAllListeners("uncaughtException").on("uncaughtException", () => {}));

const IMPLEMENTATIONS = { ssh2, "this package": entry as unknown as Ssh2 };

describe.each(headings)("%s", (heading) => {
  let host: Host;
  beforeAll(async () => {
    host = await startHost();
  });
  afterAll(() => host?.close());

  test.each(["ssh2", "this package"] as const)("with %s", async (name) => {
    await has("ssh2", BLOCKS.find((block) => block.heading === heading && block.at === 0)!, IMPLEMENTATIONS[name]);
  });

  test("with Nacre", async () => {
    await has("nacre", BLOCKS.find((block) => block.heading === heading && block.at === 1)!, ssh2);
  });

  async function has(side: "ssh2" | "nacre", block: Block, implementation: Ssh2): Promise<void> {
    host.logins.length = 0;
    const stage = await newStage(host, implementation);
    try {
      await EFFECTS[heading]![side](stage, block);
    } finally {
      await stage.close();
    }
  }
});
