import { EventEmitter, once } from "node:events";
import { buffer } from "node:stream/consumers";
import { SshError } from "@nacre/wire";
import { describe, expect, test, vi } from "vitest";
import { type EscapeTargets, escapeActions } from "../src/ssh/escape-actions.ts";
import { runEscapeCommand } from "../src/ssh/escape-command-line.ts";
import { EscapeKeys } from "../src/ssh/escape-keys.ts";
import type { ForwardArgument } from "../src/ssh/forward-arguments.ts";
import type { OpenForward } from "../src/ssh/forwards.ts";
import { SessionLevel } from "../src/ssh/log-level.ts";
import { read } from "./reading.ts";

const nothing = async (): Promise<void> => {};

const NO_TARGETS: EscapeTargets = {
  client: { close: async () => {}, rekey: () => {} },
  remote: { sendBreak: async () => {} },
  forwards: [],
  isShared: false,
  suspend: () => {},
  commandLine: undefined,
  changeLevel: () => "",
};

/** A forward to nowhere. */
function openForward(
  option: ForwardArgument["option"],
  listen: ForwardArgument["listen"],
  connections = 0,
): OpenForward {
  const { port, path } = listen;
  const host = path === undefined ? "localhost" : undefined;
  const forward = { host, port, path, connections, close: nothing, [Symbol.asyncDispose]: nothing };
  return { argument: { option, listen, target: undefined }, forward };
}

async function typed(...chunks: string[]): Promise<{ sent: string; disconnected: number }> {
  let disconnected = 0;
  const keys = new EscapeKeys(0x7e, new Map([[0x2e, () => void disconnected++]]));
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
    forwards: [openForward("-L", { port: 8080 }, 2), openForward("-L", { path: "/s" })],
    isShared: false,
    suspend: () => void calls.push("suspend"),
    commandLine: undefined,
    changeLevel: (step: number) => `LogLevel ${calls.push(`level ${step}`)}`,
  };
  const keys = new EscapeKeys(0x1d, escapeActions(0x1d, targets));
  const sent = buffer(keys);
  keys.end("\x1dR\x1dB\x1d\x1a\x1d#\x1d?\x1dC\x1dv\x1dV\x1d&\x1dq\r\x1d.");
  expect((await sent).toString()).toBe("\x1dq\r");
  expect(calls).toEqual(["rekey", "break", "suspend", "level 1", "level -1", "close"]);
  const shown = show.mock.calls.join("");
  show.mockRestore();
  expect(shown).toContain(
    "^]#\r\nThe following connections are open:\r\n  #0 client-session\r\n  localhost:8080: 2 forwarded\r\n",
  );
  expect(shown).toContain("^]^Z [suspend ssh]\r\n");
  expect(shown).toContain(" ^]B   - send a BREAK to the remote system\r\n");
  expect(shown).toContain("the server refused the break\r\n");
  expect(shown).toContain("commandline disabled\r\n");
  expect(shown).not.toContain("open a command line");
  expect(shown).toContain("^]v [LogLevel 4]\r\n^]V [LogLevel 5]\r\n");
  expect(shown).toContain("^]& [not available: this process cannot move to the background]\r\n");
});

test("keys wait while ~C asks for a line", async () => {
  const leave = new EventEmitter();
  const commandLine = async (): Promise<void> => void (await once(leave, "line"));
  const targets = { ...NO_TARGETS, commandLine };
  const keys = new EscapeKeys(0x7e, escapeActions(0x7e, targets));
  const sent: string[] = [];
  keys.on("data", (chunk: Buffer) => sent.push(chunk.toString()));
  keys.write("ls\r~Cpwd\r");
  keys.write("id\r");
  await new Promise((resolve) => setImmediate(resolve));
  expect(sent.join("")).toBe("ls\r");
  leave.emit("line");
  await expect.poll(() => sent.join(""), { timeout: 10_000 }).toBe("ls\rpwd\rid\r");
});

test("a session of a master has no escapes that act on the connection", async () => {
  const show = vi.spyOn(process.stderr, "write").mockReturnValue(true);
  const targets = { ...NO_TARGETS, commandLine: nothing, isShared: true };
  const keys = new EscapeKeys(0x7e, escapeActions(0x7e, targets));
  const sent = buffer(keys);
  keys.end("~C~v~V~&~?");
  expect((await sent).toString()).toBe("");
  const shown = show.mock.calls.join("");
  show.mockRestore();
  for (const key of "CvV&") expect(shown).toContain(`~${key} escape not available to multiplexed sessions\r\n`);
  expect(shown).toContain(" ~.   - terminate session\r\n");
  expect(shown).not.toContain("LogLevel");
});

test("~v and ~V change the log level step by step, and stop at the ends", () => {
  const level = new SessionLevel({ logLevel: "INFO" });
  const steps = [1, 1, 1, 1, 1, -1].map((step) => (level.change(step as 1 | -1), level.logLevel));
  expect(steps).toEqual(["VERBOSE", "DEBUG", "DEBUG2", "DEBUG3", "DEBUG3", "DEBUG2"]);
});

/** Runs lines at the command line of a session with two forwards. Port 1 cannot be listened at. */
async function entered(...lines: readonly string[]): Promise<{ said: string[]; open: string[] }> {
  const said: string[] = [];
  const forwards = [openForward("-L", { port: 80 }), openForward("-D", { port: 81 })];
  for (const line of lines)
    await runEscapeCommand(line, {
      forwards,
      gatewayPorts: false,
      openForward: async (argument) => (argument.listen.port === 1 ? undefined : { ...forwards[0]!, argument }),
      print: (text) => void said.push(text),
    });
  const open = forwards.map(({ argument: { option, listen, target } }) => {
    const place = target && ` ${target.host ?? target.path}`;
    return `${option} ${listen.host ?? ""}:${listen.port ?? listen.path}${place ?? ""}`;
  });
  return { said, open };
}

describe("the command line of ~C", () => {
  test.each<[string, string, string[]]>([
    ["-L8080:web:80", "Forwarding port.", ["-L :80", "-D :81", "-L :8080 web"]],
    [" L 127.0.0.1:8080:web:80", "Forwarding port.", ["-L :80", "-D :81", "-L 127.0.0.1:8080 web"]],
    ["-R9000", "Forwarding port.", ["-L :80", "-D :81", "-R :9000"]],
    ["-D1080", "Forwarding port.", ["-L :80", "-D :81", "-D :1080"]],
    ["-L1:web:80", "Port forwarding failed.", ["-L :80", "-D :81"]],
    ["-L8080", "Bad forwarding specification.", ["-L :80", "-D :81"]],
    ["-KL80", "Canceled forwarding.", ["-D :81"]],
    ["-KD 81", "Canceled forwarding.", ["-L :80"]],
    ["-KD80", "Unknown port forwarding.", ["-L :80", "-D :81"]],
    ["-KL127.0.0.1:80", "Unknown port forwarding.", ["-L :80", "-D :81"]],
    ["-KLx", "Bad forwarding close specification.", ["-L :80", "-D :81"]],
    ["!ls", "Invalid command.", ["-L :80", "-D :81"]],
    ["-X", "Invalid command.", ["-L :80", "-D :81"]],
  ])("answers %s as ssh does", async (line, said, open) => {
    expect(await entered(line)).toEqual({ said: [said], open });
  });

  test("prints the commands, and nothing for an empty line", async () => {
    expect((await entered("?")).said).toHaveLength(7);
    expect((await entered("help")).said[0]).toBe("Commands:");
    expect((await entered("", "  -")).said).toEqual([]);
  });

  test("cancels a forward that it opened", async () => {
    expect(await entered("-R9000:web:80", "-KR9000", "-KR9000")).toEqual({
      said: ["Forwarding port.", "Canceled forwarding.", "Unknown port forwarding."],
      open: ["-L :80", "-D :81"],
    });
  });
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
