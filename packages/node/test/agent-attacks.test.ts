import { expect, onTestFinished, test } from "vitest";
import { createAgent } from "../src/index.ts";
import { defaultAgent } from "../src/keys/agent-path.ts";
import { answers, key, signWith } from "./agent-support.ts";

test("agent: a confirmation by a value that is not true · client", async () => {
  for (const verdict of [undefined, null, 1, "yes", {}, Promise.resolve("true")]) {
    const agent = createAgent({ confirm: () => verdict as never });
    onTestFinished(() => agent.close());
    await agent.add(key, { confirm: true });
    expect(await answers(agent.connect(), signWith(key))).toEqual(["refused"]);
  }
  const agent = createAgent({ confirm: () => true });
  onTestFinished(() => agent.close());
  await agent.add(key, { confirm: true });
  expect(await answers(agent.connect(), signWith(key))).toEqual(["signature"]);
});

const find = (...names: readonly string[]): string | undefined =>
  defaultAgent({ platform: "win32", socket: undefined, user: () => "john", pipes: () => names });

test("agent: a pipe of another user · client", () => {
  expect(find("pageant.john.0a1b")).toBe("\\\\.\\pipe\\pageant.john.0a1b");
  for (const name of [
    "pageant.john.smith.0a1b",
    "pageant.john.",
    "pageant.johnny.0a",
    "xpageant.john.0a",
    "pageant.john.0a.b",
  ])
    expect([name, find(name)]).toEqual([name, undefined]);
});
