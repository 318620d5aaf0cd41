import { buffer } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { EscapeKeys } from "../src/ssh/escape-keys.ts";
import { read } from "./reading.ts";

async function typed(...chunks: string[]): Promise<{ sent: string; disconnected: number }> {
  let disconnected = 0;
  const keys = new EscapeKeys(0x7e, () => disconnected++);
  const sent = buffer(keys);
  for (const chunk of chunks) keys.write(chunk);
  keys.end();
  return { sent: (await sent).toString(), disconnected };
}

describe("EscapeKeys", () => {
  test.each([
    ["ls\r", "ls\r", 0],
    ["~.", "", 1],
    ["\r~.", "\r", 1],
    ["\n~.", "\n", 1],
    ["a~.", "a~.", 0],
    ["~~.\r", "~.\r", 0],
    ["~x", "~x", 0],
    ["~\r~.", "~\r", 1],
    ["~.x", "x", 1],
    ["é\r", "é\r", 0],
  ])("%j", async (keys, sent, disconnected) => {
    expect(await typed(keys)).toEqual({ sent, disconnected });
    expect(await typed(...Array.from(keys))).toEqual({ sent, disconnected });
  });
});

test("another escape character takes the place of ~, as with -e", async () => {
  const keys = new EscapeKeys(0x25, () => {});
  const sent = buffer(keys);
  keys.end("~.%%\r%.x");
  expect((await sent).toString()).toBe("~.%%\rx");
});

test.each<[string, number | undefined]>([
  ["~", 0x7e],
  ["^]", 0x1d],
  ["^a", 0x01],
  ["^", 0x5e],
  ['"', 0x22],
  ["\\", 0x5c],
  ["none", undefined],
])("the escape character %s is read as %j", async (text, character) => {
  expect((await read(["-e", text, "host"])).config.values.escapeChar).toBe(character);
});
