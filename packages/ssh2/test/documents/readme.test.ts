import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as entry from "../../src/index.ts";
import type { Ssh2 } from "../parity/case.ts";
import { casesIn } from "../parity/suite.ts";
import { type Block, blocksOf } from "./blocks.ts";
import { type Host, startHost } from "./host.ts";
import { newStage } from "./stage.ts";

// Runs the blocks of README. Those of JSON, of the shell and of esbuild are used by the tests in ../verify.

const README = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");
const BLOCKS = blocksOf(README);
const STRICT = BLOCKS.find(({ heading }) => heading === "Host keys")!;

let host: Host;
beforeAll(async () => {
  host = await startHost();
});
afterAll(() => host?.close());

test("has no other blocks of code", () => {
  expect(BLOCKS.map(({ heading }) => heading)).toEqual(["jest, bundlers, Electron", "Host keys"]);
});

test("as many programs run with ssh2 and with this package as it says", async () => {
  const number = Number(/More than (\d+) small\s+programs/.exec(README)?.[1]);
  const folders = ["parity/cases", "interop/cases"].map((name) => join(import.meta.dirname, "..", name));
  const [parity = [], interop = []] = await Promise.all(folders.map((folder) => casesIn(folder)));
  expect(parity.length + interop.length).toBeGreaterThan(number);
});

test("the program with `strict` refuses an unknown host before it sends the password", async () => {
  expect(await outcomeOf(STRICT)).toEqual(["Host denied (verification failed)"]);
  expect(host.logins).toEqual([]);
});

test("the program without `strict` logs in", async () => {
  expect(await outcomeOf({ ...STRICT, code: STRICT.code.replace('hostKeys: "strict"', 'hostKeys: "off"') })).toEqual([
    "ready",
  ]);
  expect(host.logins).toEqual(["password"]);
});

/** Runs the block, and returns "ready" or the error of its client. */
async function outcomeOf(block: Block): Promise<readonly string[]> {
  const stage = await newStage(host, entry as unknown as Ssh2);
  const events: string[] = [];
  try {
    await stage.run(block);
    stage.clients[0]!.on("ready", () => events.push("ready")).on("error", ({ message }) => events.push(message));
    await stage.until(() => expect(events.length).toBeGreaterThan(0));
  } finally {
    await stage.close();
  }
  return events;
}
