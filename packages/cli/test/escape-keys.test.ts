import { buffer } from "node:stream/consumers";
import { SshError } from "@nacre/wire";
import { describe, expect, test, vi } from "vitest";
import { escapeActions } from "../src/ssh/escape-actions.ts";
import { EscapeKeys } from "../src/ssh/escape-keys.ts";
import { read } from "./reading.ts";

async function typed(...chunks: string[]): Promise<{ sent: string; disconnected: number }> {
  let disconnected = 0;
  const keys = new EscapeKeys(0x7e, new Map([[0x2e, () => disconnected++]]));
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
    ["~.~.", "", 2],
    ["é\r", "é\r", 0],
  ])("%j", async (keys, sent, disconnected) => {
    expect(await typed(keys)).toEqual({ sent, disconnected });
    expect(await typed(...Array.from(keys))).toEqual({ sent, disconnected });
  });
});

test("another escape character takes the place of ~, as with -e", async () => {
  const keys = new EscapeKeys(0x25, new Map([[0x2e, () => {}]]));
  const sent = buffer(keys);
  keys.end("~.%%\r%.x");
  expect((await sent).toString()).toBe("~.%%\rx");
});

test("escapes act as those of ssh, with another character too", async () => {
  const calls: string[] = [];
  const show = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const targets = {
    client: { close: async () => void calls.push("close"), rekey: () => void calls.push("rekey") },
    remote: {
      sendBreak: async () => {
        calls.push("break");
        throw new SshError("channel-request-failed", "refused");
      },
    },
    forwards: [
      { host: "localhost", port: 8080, path: undefined, connections: 2 },
      { host: undefined, port: undefined, path: "/s", connections: 0 },
    ],
    suspend: () => void calls.push("suspend"),
  };
  const keys = new EscapeKeys(0x1d, escapeActions(0x1d, targets));
  const sent = buffer(keys);
  keys.end("\x1dR\x1dB\x1d\x1a\x1d#\x1d?\x1dC\x1dq\r\x1d.");
  expect((await sent).toString()).toBe("\x1dq\r");
  expect(calls).toEqual(["rekey", "break", "suspend", "close"]);
  const shown = show.mock.calls.join("");
  show.mockRestore();
  expect(shown).toContain(
    "^]#\r\nThe following connections are open:\r\n  #0 client-session\r\n  localhost:8080: 2 forwarded\r\n",
  );
  expect(shown).toContain("^]^Z [suspend ssh]\r\n");
  expect(shown).toContain(" ^]B   - send a BREAK to the remote system\r\n");
  expect(shown).toContain("the server refused the break\r\n");
  expect(shown).toContain("commandline disabled\r\n");
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
