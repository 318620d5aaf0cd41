import { existsSync, fstatSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { generateEd25519 } from "@nacre/keys";
import type { Bytes } from "@nacre/wire";
import type { DuplexHandler } from "nacre/extend";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { type ConnectOptions, connect, listen } from "../src/index.ts";
import { type CommandDuplex, commandDuplex } from "../src/net/command-duplex.ts";
import { codeOf, counting, serve, temporaryFolder, watchResources } from "./support.ts";

const key = generateEd25519(counting);
const login = { host: "db", user: "a", hostKey: () => true, agent: false, identities: [key] };

afterEach(() => {
  vi.unstubAllEnvs();
});

async function server(): Promise<number> {
  const started = await listen({
    port: 0,
    hostKeys: [key],
    authenticate: () => true,
    session: (session) => {
      session.stdout.write(`ran ${session.command}`);
      return session.command === "wait" ? new Promise(() => {}) : 0;
    },
  });
  onTestFinished(() => started.close());
  return started.address.port;
}

/** A command that relays to a port on this machine, as `nc` does. */
const relay = (port: number): string =>
  `node -e 'const s = require("node:net").connect(${port}, "127.0.0.1"); process.stdin.pipe(s).pipe(process.stdout)'`;

interface Opened {
  readonly duplex: CommandDuplex;
  readonly received: Buffer[];
  readonly events: unknown[];
}

async function opened(command: string): Promise<Opened> {
  const duplex = await commandDuplex(command);
  onTestFinished(() => duplex.close());
  const received: Buffer[] = [];
  const events: unknown[] = [];
  const handler: DuplexHandler = {
    data: (chunk) => received.push(Buffer.from(chunk)),
    drained: () => events.push("drained"),
    ended: () => events.push("ended"),
    failed: (cause) => events.push(cause),
  };
  duplex.open(handler);
  return { duplex, received, events };
}

const lengthOf = (received: readonly Buffer[]): number => received.reduce((sum, { length }) => sum + length, 0);

/** Resolves when a file has lines, and returns them. */
async function linesOf(file: string): Promise<string[]> {
  await vi.waitFor(() => expect(existsSync(file) && readFileSync(file, "utf8").endsWith("\n")).toBe(true), 10_000);
  return readFileSync(file, "utf8").trim().split("\n");
}

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describe("the byte connection of a command", () => {
  test("passes bytes in both directions, and its end", async () => {
    const { duplex, received, events } = await opened("cat");
    duplex.write([Buffer.from("hello "), Buffer.from("world")] as Bytes[]);
    await vi.waitFor(() => expect(Buffer.concat(received).toString()).toBe("hello world"), 10_000);
    await duplex.end();
    await vi.waitFor(() => expect(events).toEqual(["ended"]), 10_000);
    expect(duplex.ending).toBe("ended with status 0");
  });

  test("is paused and resumed, and reports when there is room", async () => {
    const { duplex, received, events } = await opened("cat");
    duplex.pause();
    const length = 4 * 1024 * 1024;
    expect(duplex.write([new Uint8Array(length)])).toBe(false);
    // What the pipes and the command hold is bounded.
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(events).toEqual([]);
    expect(lengthOf(received)).toBeLessThan(256 * 1024);
    duplex.resume();
    await vi.waitFor(() => expect(lengthOf(received)).toBe(length), 10_000);
    expect(events).toEqual(["drained"]);
  });

  test("runs with the shell of SHELL, which the command replaces", async () => {
    const folder = await temporaryFolder();
    const log = join(folder, "log");
    vi.stubEnv("SHELL", "/bin/sh");
    // The parent of the command is this process, not a shell.
    await opened(`node -e 'require("fs").writeFileSync("${log}", process.ppid + "\\n")'`);
    expect(await linesOf(log)).toEqual([String(process.pid)]);
    vi.stubEnv("SHELL", join(folder, "missing"));
    await expect(commandDuplex("true")).rejects.toMatchObject({
      code: "connection-failed",
      message: expect.stringContaining("cannot run the shell for `proxyCommand`: "),
    });
    vi.stubEnv("SHELL", "");
    expect((await opened("cat")).duplex.ending).toBeUndefined();
  });

  test.each([
    ["exit 3", "ended with status 3"],
    ["no-such-command-anywhere 2>/dev/null", "ended with status 127"],
    ["sh -c 'kill -TERM $$'", "was ended by SIGTERM"],
  ])("tells how the command ended: %s", async (command, ending) => {
    const { duplex, events } = await opened(command === "exit 3" ? "sh -c 'exit 3'" : command);
    await vi.waitFor(() => expect(events).toEqual(["ended"]), 10_000);
    expect(duplex.ending).toBe(ending);
  });

  test("delivers all output of a command that has ended", async () => {
    const { received, events } = await opened("head -c 1000000 /dev/zero");
    await vi.waitFor(() => expect(events).toEqual(["ended"]), 10_000);
    expect(lengthOf(received)).toBe(1_000_000);
  });

  test("fails when the command closes its input and goes on", async () => {
    const { duplex, events } = await opened("sh -c 'exec <&-; exec sleep 60'");
    await vi.waitFor(() => {
      duplex.write([new Uint8Array(1)]);
      expect(events).toMatchObject([{ code: "EPIPE" }]);
    }, 20_000);
  });

  test("ends soon after a command that closes its output and goes on", async () => {
    const { duplex, events } = await opened("sh -c 'exec >&-; exec sleep 60'");
    await vi.waitFor(() => expect(events).toEqual(["ended"]), 20_000);
    expect(duplex.ending).toBeUndefined();
  });
});

describe("closing the byte connection of a command", () => {
  test("sends what was written, then SIGHUP, and waits for the command's end", async () => {
    const leftOpen = await watchResources();
    const folder = await temporaryFolder();
    const log = join(folder, "log");
    const { duplex, received } = await opened(
      `sh -c 'trap "echo hung up >> ${log}; exit" HUP; echo ready; read line; echo "$line" >> ${log}; while :; do sleep 0.01; done'`,
    );
    await vi.waitFor(() => expect(Buffer.concat(received).toString()).toBe("ready\n"), 10_000);
    duplex.write([Buffer.from("last words\n")] as Bytes[]);
    await vi.waitFor(() => expect(existsSync(log)).toBe(true), 10_000);
    await duplex.close();
    expect(await linesOf(log)).toEqual(["last words", "hung up"]);
    expect(await leftOpen()).toEqual([]);
  });

  test.each(["close", "reset"] as const)("%s kills a command that ignores SIGHUP and its input", async (way) => {
    const leftOpen = await watchResources();
    const { duplex, received } = await opened("sh -c 'trap \"\" HUP; echo $$; while :; do sleep 0.05; done'");
    await vi.waitFor(() => expect(Buffer.concat(received).length).toBeGreaterThan(0), 10_000);
    const pid = Number(Buffer.concat(received).toString());
    while (duplex.write([new Uint8Array(256 * 1024)]));
    expect(isRunning(pid)).toBe(true);
    await duplex[way]?.();
    expect(isRunning(pid)).toBe(false);
    expect(await leftOpen()).toEqual([]);
  });

  test("resolves at once for a command that has ended", async () => {
    const { duplex, events } = await opened("true");
    await vi.waitFor(() => expect(events).toEqual(["ended"]), 10_000);
    await duplex.close();
    await duplex.close();
  });

  test("waits for no other process that holds the command's output", async () => {
    const { duplex } = await opened("sh -c 'sleep 60 & exit 0'");
    await duplex.close();
  });
});

describe("`proxyCommand`", () => {
  test("is the way to the host; nothing is left after `close`", async () => {
    const leftOpen = await watchResources();
    const port = await server();
    const client = await connect({ ...login, proxyCommand: relay(port) });
    expect((await client.exec("x")).stdout).toBe("ran x");
    await client.close();
    expect((await leftOpen()).filter((name) => name === "ProcessWrap" || name === "PipeWrap")).toEqual([]);
  });

  test("leads to the first jump host", async () => {
    const via = { ...login, host: "bastion", proxyCommand: "sh -c 'exit 7'" };
    await expect(connect({ ...login, via })).rejects.toMatchObject({
      code: "connection-lost",
      message: expect.stringMatching(/^ProxyCommand ended with status 7 before the login: jump host bastion port 22: /),
    });
  });

  test.each<[string, Partial<Record<"code" | "message", unknown>>]>([
    [
      "sh -c 'exit 1'",
      {
        code: "connection-lost",
        message:
          "ProxyCommand ended with status 1 before the login: the server closed the connection before sending any data",
      },
    ],
    [
      "sh -c 'echo no such host; exit 2'",
      {
        code: "not-ssh",
        message: expect.stringMatching(
          /^ProxyCommand ended with status 2 before the login: the server closed .*; it sent "no such host"$/,
        ),
      },
    ],
    [
      "sh -c 'kill -KILL $$'",
      { message: expect.stringMatching(/^ProxyCommand was ended by SIGKILL before the login: /) },
    ],
    ["echo SSH-2.0-x", { message: expect.stringMatching(/^ProxyCommand ended with status 0 before the login: /) }],
  ])("that ends before the login is named with its status: %s", async (proxyCommand, error) => {
    await expect(connect({ ...login, proxyCommand })).rejects.toMatchObject({ culprit: "peer", ...error });
  });

  test("that is silent is bounded by `connectTimeout`, and ended by `signal`", async () => {
    const leftOpen = await watchResources();
    const silent = { ...login, proxyCommand: "sleep 60" };
    expect(await codeOf(connect({ ...silent, connectTimeout: 50 }))).toBe("connect-timeout");
    expect(await codeOf(connect({ ...silent, signal: AbortSignal.timeout(50) }))).toBe("aborted");
    expect(await codeOf(connect({ ...silent, signal: AbortSignal.abort() }))).toBe("aborted");
    expect((await leftOpen()).filter((name) => name === "ProcessWrap" || name === "PipeWrap")).toEqual([]);
  });

  test("runs again for each connection of `reconnect`", async () => {
    const port = await server();
    const folder = await temporaryFolder();
    const log = join(folder, "log");
    const options: ConnectOptions = {
      ...login,
      proxyCommand: `sh -c 'echo $$ >> ${log}; exec ${relay(port).replaceAll("'", "'\\''")}'`,
      reconnect: true,
    };
    const client = await connect(options);
    const [first] = await linesOf(log);
    process.kill(Number(first), "SIGKILL");
    await vi.waitFor(async () => expect(await linesOf(log)).toHaveLength(2), 20_000);
    expect((await client.exec("x")).stdout).toBe("ran x");
    await client.close();
  });

  test("has the stderr of this process", async () => {
    const { received } = await opened(`node -e 'process.stdout.write(String(require("node:fs").fstatSync(2).ino))'`);
    await vi.waitFor(() => expect(Buffer.concat(received).toString()).toBe(String(fstatSync(2).ino)), 10_000);
  });

  test("ends when the server does", async () => {
    const { port, sockets } = await serve((socket) => socket.write("SSH-2.0-x\r\n"));
    const connecting = connect({ ...login, proxyCommand: relay(port) });
    await vi.waitFor(() => expect(sockets).toHaveLength(1), 10_000);
    // A reset could overtake the server's identification.
    sockets[0]!.end();
    await expect(connecting).rejects.toMatchObject({
      code: "connection-lost",
      message: expect.stringMatching(
        /^ProxyCommand ended with status \d+ before the login: the server closed the connection during the first key exchange/,
      ),
    });
  });
});
