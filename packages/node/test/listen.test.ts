import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { connect as dial, type Socket } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { formatPublicKeyLine } from "@nacre/keyfiles";
import { fingerprint, generateEd25519 } from "@nacre/keys";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { connect } from "../src/connect.ts";
import * as nacreNode from "../src/index.ts";
import { dropPercentage, listen, type SshServer } from "../src/listen.ts";
import type { ListenEvent, ListenOptions } from "../src/listen-options.ts";
import { LISTEN_OPTIONS, NODE_CONNECT_OPTIONS } from "../src/option-names.ts";
import type { ConnectOptions } from "../src/options.ts";
import type { NodeSession } from "../src/session.ts";
import { codeOf, counting, later, serve, temporaryFolder, watchResources } from "./support.ts";

const hostKey = generateEd25519(counting);
const userKey = generateEd25519((length) => Uint8Array.from({ length }, (_, i) => i + 2));
const USER = fingerprint(userKey.publicKey.blob, "sha256");
const code = (expected: string): unknown => expect.objectContaining({ name: "SshError", code: expected });

const servers: SshServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** A server on loopback that accepts logins with the key of the tests. */
async function started(options: Partial<ListenOptions> = {}): Promise<SshServer> {
  const server = await listen({
    port: 0,
    hostKeys: [hostKey],
    authenticate: (login) => login.method === "publickey" && login.fingerprint === USER,
    ...options,
  });
  servers.push(server);
  return server;
}

function to(server: SshServer, options: Partial<ConnectOptions> = {}): ConnectOptions {
  return {
    host: "127.0.0.1",
    port: server.address.port,
    user: "alice",
    identities: [userKey],
    agent: false,
    hostKey: fingerprint(hostKey.publicKey.blob, "sha256"),
    ...options,
  };
}

/** All of the names but some, each undefined. */
function undefinedBeside(names: object, given: readonly string[]): object {
  return Object.fromEntries(Object.keys(names).flatMap((name) => (given.includes(name) ? [] : [[name, undefined]])));
}

/** A TCP connection that says nothing. */
async function silent(server: SshServer): Promise<Socket> {
  const socket = dial(server.address.port, server.address.host);
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** Reads a connection to its end. */
async function heard(socket: Socket): Promise<string> {
  let received = "";
  socket.on("data", (chunk: Buffer) => {
    received += chunk.toString("latin1");
  });
  if (!socket.closed) await once(socket, "close");
  return received;
}

async function* endless(): AsyncGenerator<Uint8Array> {
  for (;;) yield Buffer.alloc(10_000);
}

/** Ends when the client has gone. */
async function untilGone(session: NodeSession): Promise<void> {
  if (!session.signal.aborted) await once(session.signal, "abort");
}

describe("listen", () => {
  it("serves commands over TCP, and leaves nothing open", async () => {
    const leftOpen = await watchResources();
    const server = await started({
      session: (session) => {
        session.stdout.write(`hello ${session.user}, you ran ${session.command}\n`);
        session.stderr.write("and that is all\n");
        return 3;
      },
    });
    expect(server.address).toEqual({ host: "127.0.0.1", port: expect.any(Number) });
    const client = await connect(to(server));
    expect(await client.exec("ls")).toMatchObject({
      stdout: "hello alice, you ran ls\n",
      stderr: "and that is all\n",
      status: 3,
    });
    expect(server.connections.map(({ user }) => user)).toEqual(["alice"]);
    await client.close();
    await server.close();
    expect(server.connections).toHaveLength(0);
    expect(await leftOpen()).toEqual([]);
  });

  it("the example of the README, as it stands there", async () => {
    const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
    const example = /^## A server\n\n```js\n(.*?)^```$/ms.exec(readme)![1]!;
    expect(await readFile(new URL("../../../README.md", import.meta.url), "utf8")).toContain(`\n${example}\`\`\`\n`);
    const lines = example.split("\n").filter((line) => line !== "");
    expect(lines).toHaveLength(10);
    const home = await temporaryFolder();
    await writeFile(join(home, "authorized_keys"), `${formatPublicKeyLine(userKey.publicKey)}\n`, { mode: 0o600 });

    const names = /import \{ (.*) \} from "@nacre\/node";/.exec(lines[0]!)![1]!.split(", ");
    const code = lines
      .slice(1)
      .join("\n")
      .replace("port: 2222", "port: 0")
      .replace("~/.ssh/", "~/")
      .replaceAll("~/", `${home}/`);
    // oxlint-disable-next-line typescript/no-implied-eval
    const run = new Function(...names, `return (async () => {\n${code}\nreturn server;\n})()`) as (
      ...values: unknown[]
    ) => Promise<SshServer>;
    const server = await run(...names.map((name) => (nacreNode as Record<string, unknown>)[name]));
    servers.push(server);
    const client = await connect(to(server, { hostKey: () => true }));
    expect(await client.exec("ls")).toMatchObject({ stdout: "hello alice, you ran ls\n", status: 0 });
    const shell = await client.shell({ pty: false });
    expect(await text(shell.stdout)).toBe("hello alice, you ran a shell\n");
    await client.close();
    const stranger = generateEd25519((length) => Uint8Array.from({ length }, (_, i) => i + 3));
    expect(await codeOf(connect(to(server, { identities: [stranger], hostKey: () => true })))).toBe("auth-failed");
  });

  it("carries input and output of any size through one command", async () => {
    const server = await started({ session: (session) => pipeline(session.stdin, session.stdout) });
    const client = await connect(to(server));
    const input = Buffer.alloc(20_000_000, "0123456789abcde");
    const { stdout, status } = await client.exec("cat", { input, encoding: "bytes" });
    expect(status).toBe(0);
    expect(input.equals(stdout)).toBe(true);
    await client.close();
  });

  it("sends all that was written, though nobody awaited it", async () => {
    const server = await started({
      session: (session) => {
        for (let i = 0; i < 50; i++) session.stdout.write("x".repeat(100_000));
        return 9;
      },
    });
    const client = await connect(to(server));
    const { stdout, status } = await client.exec("much");
    expect([stdout.length, status]).toEqual([5_000_000, 9]);
    await client.close();
  });

  it("ends output early when both streams are ended", async () => {
    const told = later<void>();
    const server = await started({
      session: async (session) => {
        session.stdout.end("all");
        session.stderr.end();
        await told.promise;
        return 4;
      },
    });
    const client = await connect(to(server));
    const process = await client.spawn("x");
    expect(await text(process.stdout)).toBe("all");
    told.resolve();
    expect((await process.exit).status).toBe(4);
    await client.close();
  });

  it("tells the handler when the client goes, and its streams fail", async () => {
    const story = later<unknown[]>();
    const server = await started({
      session: async (session) => {
        const writing = pipeline(endless, session.stdout).catch((error: unknown) => error);
        await untilGone(session);
        const read = await text(session.stdin).catch((error: unknown) => error);
        story.resolve([session.signal.reason, read, await writing]);
      },
    });
    const client = await connect(to(server));
    const running = await client.spawn("x");
    running.stdin.write("half of it");
    running.stdout.resume();
    await once(running.stdout, "data");
    await running.close();
    expect(await story.promise).toEqual([code("channel-closed"), code("channel-closed"), code("channel-closed")]);
    await client.close();
  });

  it("lets kill and resize of a closed command do nothing", async () => {
    const server = await started({ session: untilGone });
    const client = await connect(to(server));
    const running = await client.spawn("x");
    const closed = running.close();
    const tooLate = (): void => {
      running.kill();
      running.resize(80, 24);
    };
    expect(tooLate).not.toThrow();
    await closed;
    expect(tooLate).not.toThrow();
    await client.close();
  });

  it.each<[string, Partial<ListenOptions>]>([
    ["a port that is none", { port: 65_536 }],
    ["no port", { port: undefined as never }],
    ["text for a port", { port: "22" as never }],
    ["no host key", { hostKeys: [] }],
    ["the path of a host key", { hostKeys: ["/etc/ssh/host_key"] as never }],
    ["a host key that was not awaited", { hostKeys: [Promise.resolve(hostKey)] as never }],
    ["a controller for its signal", { signal: new AbortController() as never }],
    ["a drop that cannot be", { maxUnauthenticated: { start: 10, rate: 30, full: 9 } }],
    ["limits that cannot be", { limits: { initialWindow: 0 } }],
    ["a size with a unit", { limits: { rekeyBytes: "1G" as never } }],
    ["a grace time that is no number", { loginGraceTime: Number.NaN }],
    ["a number of connections that is none", { maxConnections: Number.NaN }],
    ["an unknown option", { acceptPTY: true } as object],
    ["what only serve takes", { remoteAddress: "192.0.2.1" } as object],
  ])("%s cannot be", async (_, options) => {
    expect(await codeOf(started(options))).toBe("usage");
  });

  it("an unknown option is named with the likely one", async () => {
    await expect(started({ maxConections: 1 } as object)).rejects.toMatchObject({
      message: "`maxConections` is not an option of listen; did you mean `maxConnections`?",
    });
  });

  it("an option that is undefined counts as not given, on both sides", async () => {
    const server = await started({
      ...undefinedBeside(LISTEN_OPTIONS, ["port", "hostKeys", "authenticate"]),
      session: ({ stdout }) => void stdout.write("hello"),
    });
    const client = await connect({
      ...undefinedBeside(NODE_CONNECT_OPTIONS, []),
      ...to(server),
    });
    expect(await client.exec("x")).toMatchObject({ stdout: "hello", status: 0 });
    await client.close();
  });

  it("a port that is taken, and an address that is not ours", async () => {
    const server = await started();
    await expect(started({ port: server.address.port })).rejects.toMatchObject({
      code: "listen-failed",
      message: expect.stringContaining("in use"),
    });
    expect(await codeOf(started({ host: "192.0.2.1" }))).toBe("listen-failed");
  });

  it("aborting ends everything, also before the beginning", async () => {
    const abort = new AbortController();
    const server = await started({ signal: abort.signal, session: untilGone });
    const client = await connect(to(server));
    await client.spawn("x");
    abort.abort();
    await server.closed;
    expect(await client.ended).toEqual(code("disconnected"));
    expect(await codeOf(started({ signal: abort.signal }))).toBe("aborted");
  });
});

describe("closing a server", () => {
  it("with grace lets what runs end, drops who is not in, and takes nobody new", async () => {
    const leftOpen = await watchResources();
    const go = later<void>();
    const running = later<void>();
    const server = await started({
      session: async (session) => {
        running.resolve();
        await go.promise;
        session.stdout.write("done");
        return 6;
      },
    });
    const client = await connect(to(server));
    const idle = await connect(to(server));
    const work = client.exec("long");
    const outsider = await silent(server);
    await running.promise;
    const closing = server.close({ grace: 60_000 });
    expect(await idle.ended).toEqual(code("disconnected"));
    await heard(outsider);
    expect(await codeOf(connect(to(server)))).toBe("connection-failed");
    expect(await codeOf(client.exec("new"))).toBe("channel-open-failed");
    go.resolve();
    expect(await work).toMatchObject({ stdout: "done", status: 6 });
    await closing;
    expect(await client.ended).toEqual(code("disconnected"));
    expect(await leftOpen()).toEqual([]);
  });

  it("after its grace ends the rest", async () => {
    const server = await started({ session: untilGone });
    const client = await connect(to(server));
    const process = await client.spawn("forever");
    await server.close({ grace: 30 });
    expect(await codeOf(process.exit)).toBe("disconnected");
    await server.close();
  });
});

describe("connections that nobody has logged in over", () => {
  it("are left after their time", async () => {
    const events: ListenEvent[] = [];
    const server = await started({ loginGraceTime: 40, log: (event) => events.push(event) });
    const socket = await silent(server);
    expect(await heard(socket)).toMatch(/^SSH-2.0-/);
    expect(events.at(-1)).toMatchObject({ type: "closed", connection: 1, error: { code: "auth-timeout" } });
  });

  it("are dropped when they are too many, and those that are in do not count", async () => {
    const events: ListenEvent[] = [];
    const server = await started({
      maxUnauthenticated: { start: 2, rate: 100, full: 2 },
      session: () => 0,
      log: (event) => events.push(event),
    });
    const clients = [await connect(to(server)), await connect(to(server)), await connect(to(server))];
    const waiting = [await silent(server), await silent(server)];
    const dropped = await silent(server);
    expect(await heard(dropped)).toBe("Too many connections: try again later\r\n");
    expect(await codeOf(connect(to(server)))).toMatch(/not-ssh|connection-lost/);
    expect(events.filter(({ type }) => type === "dropped")).toMatchObject([
      { connection: 6, reason: "max-unauthenticated", remoteAddress: "127.0.0.1" },
      { connection: 7, reason: "max-unauthenticated" },
    ]);
    for (const client of clients) expect((await client.exec("x")).status).toBe(0);
    waiting[0]!.destroy();
    while (server.connections.length > 4) await new Promise((resolve) => setTimeout(resolve, 1));
    clients.push(await connect(to(server)));
    await Promise.all(clients.map((client) => client.close()));
  });

  it.each([
    [0, 0],
    [9, 0],
    [10, 30],
    [55, 65],
    [99, 99.2],
    [100, 100],
    [1000, 100],
  ])("with %i of them the next is dropped with %f percent, as by sshd", (count, percent) => {
    expect(dropPercentage(count, { start: 10, rate: 30, full: 100 })).toBeCloseTo(percent, 1);
  });

  it("all in all there are no more than so many", async () => {
    const server = await started({ maxConnections: 1, session: () => 0 });
    const client = await connect(to(server));
    expect(await heard(await silent(server))).toMatch(/^Too many connections/);
    await client.close();
    while (server.connections.length > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    await (await connect(to(server))).close();
  });
});

/**
 * Returns the timer of TCP that runs at a server's end of a connection, as Linux shows it: "02" is the keepalive's. Both ports name the
 * connection: an earlier one from the same port to another server may still be in TIME_WAIT. While the peer has not acknowledged the
 * server's bytes the retransmission timer ("01") stands in place of the keepalive's, so this waits for that to end.
 */
async function timerOf(server: SshServer, { localPort }: Socket): Promise<string | undefined> {
  const ends = [server.address.port, localPort!].map((port) => `:${port.toString(16).toUpperCase().padStart(4, "0")}`);
  for (;;) {
    const rows = (await readFile("/proc/net/tcp", "utf8")).split("\n").map((row) => row.trim().split(/\s+/));
    const timer = rows
      .find(([, local, peer]) => local?.endsWith(ends[0]!) && peer?.endsWith(ends[1]!))?.[5]
      ?.slice(0, 2);
    if (timer !== "01") return timer;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

describe("connections of one source", () => {
  it("do not keep others out, and are bounded before they log in", async () => {
    const events: ListenEvent[] = [];
    const server = await started({ host: "::", session: () => 0, log: (event) => events.push(event) });
    const dropped = (): ListenEvent[] => events.filter(({ type }) => type === "dropped");
    const from = (host: string): Socket => {
      const socket = dial({ port: server.address.port, host });
      onTestFinished(() => void socket.destroy());
      return socket.on("error", () => {}).resume();
    };
    for (let i = 0; i < 100; i++) from("127.0.0.1");
    while (events.filter(({ type }) => type === "connected" || type === "dropped").length < 100)
      await new Promise((resolve) => setTimeout(resolve, 1));
    // Some by chance, as with sshd, and all that are beyond the bound.
    expect(server.connections.length).toBeGreaterThanOrEqual(10);
    expect(server.connections.length).toBeLessThanOrEqual(50);
    const before = dropped().length;
    for (let i = 0; i < 20; i++) {
      const client = await connect(to(server, { host: "::1" }));
      expect((await client.exec("x")).status).toBe(0);
      await client.close();
    }
    expect(dropped()).toHaveLength(before);
  });

  it("are refused for a time when they ended without a login, and not when they are exempt or it is off", async () => {
    const stranger = generateEd25519((length) => Uint8Array.from({ length }, (_, i) => i + 3));
    const outcomes = async (perSource: ListenOptions["perSource"]): Promise<string[]> => {
      const events: ListenEvent[] = [];
      const server = await started({ session: () => 0, log: (event) => events.push(event), perSource });
      const codes: string[] = [];
      for (let i = 0; i < 5; i++) codes.push(await codeOf(connect(to(server, { identities: [stranger] }))));
      for (const event of events)
        if (event.type === "dropped") expect(event).toMatchObject({ reason: "penalty", remoteAddress: "127.0.0.1" });
      return codes;
    };
    // Three times five seconds have run down a little: the fourth failure exceeds fifteen.
    const failed = ["auth-failed", "auth-failed", "auth-failed", "auth-failed"];
    expect(await outcomes({ maxFailureDelay: 0 })).toEqual([
      ...failed,
      expect.stringMatching(/not-ssh|connection-lost/),
    ]);
    const all = Array.from({ length: 5 }, () => "auth-failed");
    expect(await outcomes({ maxFailureDelay: 0, penalties: false })).toEqual(all);
    expect(await outcomes({ exempt: ["127.0.0.0/8"] })).toEqual(all);
    expect(await outcomes(false)).toEqual(all);
  });

  it("that log in, or that the server ends, are not penalised", async () => {
    const penalties = { noAuth: 60_000, authFail: 60_000, graceExceeded: 60_000 };
    const server = await started({ session: () => 0, perSource: { penalties } });
    for (let i = 0; i < 3; i++) await (await connect(to(server))).close();
    const closing = await silent(server);
    while (server.connections.length < 1) await new Promise((resolve) => setTimeout(resolve, 1));
    await Promise.all(server.connections.map((connection) => connection.close()));
    if (!closing.closed) await once(closing.resume(), "close");
    await (await connect(to(server))).close();
    // One that goes by itself is.
    const leaving = await silent(server);
    while (server.connections.length < 1) await new Promise((resolve) => setTimeout(resolve, 1));
    leaving.destroy();
    while (server.connections.length > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(await codeOf(connect(to(server)))).toMatch(/not-ssh|connection-lost/);
  });

  it("get the answer to a failed login later each time, and to a key query at once", async () => {
    const decisions: number[] = [];
    const server = await started({
      methods: ["publickey", "password"],
      authenticate: (login) => {
        if (login.method === "password") decisions.push(performance.now());
        return false;
      },
      perSource: { penalties: false },
    });
    const guesses = ["one", "two", "three", "four"];
    const guessing = connect(to(server, { identities: [], password: () => guesses.shift() }));
    expect(await codeOf(guessing)).toBe("auth-failed");
    expect(decisions).toHaveLength(3);
    const [first, second, third] = decisions as [number, number, number];
    // Bounds from below only: a slow machine makes them longer.
    expect(second - first).toBeGreaterThanOrEqual(95);
    expect(third - second).toBeGreaterThanOrEqual(195);
  });

  it.each<[string, ListenOptions["perSource"]]>([
    ["a bound below 1", { maxUnauthenticated: 0 }],
    ["a size of network that is none", { netBlockSize: { ipv4: 33 } }],
    ["a penalty that is no number", { penalties: { authFail: "5s" as unknown as number } }],
    ["an exempt name", { exempt: ["localhost"] }],
  ])("cannot be bounded by %s", async (_, perSource) => {
    expect(await codeOf(started({ perSource }))).toBe("usage");
  });
});

/** How many global requests a client is sent over one command. */
async function announcements(announceHostKeys: boolean | undefined): Promise<number> {
  let count = 0;
  const server = await started({ session: () => 0, announceHostKeys });
  const trace: ConnectOptions["trace"] = (record) => {
    if (record.type === "packet" && record.message === "SSH_MSG_GLOBAL_REQUEST") count++;
  };
  const client = await connect(to(server, { trace }));
  await client.exec("x");
  await client.close();
  return count;
}

it("announces its host keys, unless it is told not to", async () => {
  expect([await announcements(undefined), await announcements(true), await announcements(false)]).toEqual([1, 1, 0]);
});

/** The waits of timers for a keepalive, which a connection sets at rest, after a tenth of a second. The one for new keys is an hour. */
async function keepaliveTimers(limits: ListenOptions["limits"]): Promise<number[]> {
  const server = await started({ session: () => 0, loginGraceTime: 0, ...(limits && { limits }) });
  const client = await connect(to(server, { limits: { keepaliveInterval: 0 } }));
  const timers = vi.spyOn(globalThis, "setTimeout");
  await client.exec("x");
  await new Promise((resolve) => setTimeout(resolve, 500));
  const long = timers.mock.calls.map(([, wait = 0]) => wait).filter((wait) => wait > 10_000 && wait <= 60_000);
  timers.mockRestore();
  await client.close();
  return long;
}

describe("a client that vanished", () => {
  it("is found by TCP, which asks whether it is there", async () => {
    const server = await started();
    const socket = await silent(server);
    while (server.connections.length < 1) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(await timerOf(server, socket)).toBe("02");
  });

  it("is found by the protocol's own keepalive where that is asked for, and its session ends", async () => {
    const events: ListenEvent[] = [];
    const ended = later<unknown>();
    const server = await started({
      limits: { keepaliveInterval: 200, keepaliveCount: 2 },
      session: async (session) => {
        await untilGone(session);
        ended.resolve(session.signal.reason);
      },
      log: (event) => events.push(event),
    });
    let far: Socket | undefined;
    const cable = await serve((near) => {
      far = dial(server.address.port, server.address.host);
      far.on("error", () => {});
      near.on("close", () => far?.destroy());
      near.pipe(far);
      far.pipe(near);
    });
    const client = await connect(to(server, { port: cable.port }));
    await client.spawn("x");
    // Drops all packets, so that neither end notices the cut.
    far!.unpipe();
    far!.resume();
    for (const near of cable.sockets) near.unpipe().resume();
    expect(await ended.promise).toEqual(code("keepalive-timeout"));
    expect(events.at(-1)).toMatchObject({ type: expect.stringMatching(/closed|session-ended/) });
    await cable.close();
  });

  it("is not asked for by default: a client that reads only when it is called could not answer", async () => {
    expect(await keepaliveTimers(undefined)).toEqual([]);
    expect(await keepaliveTimers({ initialWindow: 1_000_000 })).toEqual([]);
    expect(await keepaliveTimers({ keepaliveInterval: 60_000 })).not.toEqual([]);
  });
});

/** Of the receiving side, unless it says otherwise: bytes. */
const DEFAULT_WINDOW = 2 * 1024 * 1024;

describe("a client that does not read", () => {
  it("holds up nobody, and costs no more than its window and the buffers of its stream", async () => {
    const WINDOW = 256 * 1024;
    let written = 0;
    const stuck = later<void>();
    const server = await started({
      session: async (session) => {
        if (session.command === "quick") return 0;
        for (;;) {
          const chunk = Buffer.alloc(16_384);
          written += chunk.length;
          if (session.stdout.write(chunk)) continue;
          // It may be slow, or stuck: only the latter counts.
          const resumed = once(session.stdout, "drain", { signal: session.signal });
          const late = new Promise<"late">((resolve) => setTimeout(resolve, 200, "late"));
          if ((await Promise.race([resumed, late])) === "late") stuck.resolve();
          await resumed;
        }
      },
    });
    const stalled = await connect(to(server, { limits: { initialWindow: WINDOW } }));
    const process = await stalled.spawn("yes");
    await stuck.promise;
    const before = written;
    const other = await connect(to(server));
    for (let i = 0; i < 20; i++) expect((await other.exec("quick")).status).toBe(0);
    expect((await stalled.exec("quick")).status).toBe(0);
    expect(written).toBe(before);
    // The window on the client's side, and what a Node stream holds on either: 64 KiB and a chunk.
    expect(written).toBeLessThanOrEqual(WINDOW + 4 * 65_536);
    process.stdout.destroy();
    await Promise.all([stalled.close(), other.close()]);
  });

  it("holds up nobody when it does not even read its socket, nor the end of the server", async () => {
    const leftOpen = await watchResources();
    let written = 0;
    const flowing = later<void>();
    const server = await started({
      session: async (session) => {
        if (session.command === "quick") return 0;
        if (session.command === "much") {
          await pipeline(Readable.from(Array.from({ length: 100 }, () => Buffer.alloc(100_000))), session.stdout);
          return 0;
        }
        for (;;) {
          const chunk = Buffer.alloc(65_536);
          written += chunk.length;
          if (!session.stdout.write(chunk)) await once(session.stdout, "drain", { signal: session.signal });
          flowing.resolve();
        }
      },
    });
    // In between, a cable that can be clogged.
    let clogged: Socket | undefined;
    const cable = await serve((near) => {
      const far = dial(server.address.port, server.address.host);
      far.on("error", () => {});
      near.on("close", () => far.destroy());
      near.pipe(far);
      far.pipe(near);
      clogged = far;
    });
    // Everything here shares one thread, which makes for a long way: its window is not to grow by that.
    const stalled = await connect(to(server, { port: cable.port, limits: { maxWindow: DEFAULT_WINDOW } }));
    const running = await stalled.spawn("yes");
    let received = 0;
    running.stdout.on("data", (chunk: Buffer) => {
      received += chunk.length;
    });
    await flowing.promise;
    clogged!.unpipe();
    clogged!.pause();
    const other = await connect(to(server));
    let before: number;
    do {
      before = written;
      for (let i = 0; i < 20; i++) expect((await other.exec("quick")).status).toBe(0);
    } while (written > before);
    const { stdout } = await other.exec("much", { encoding: "bytes" });
    expect(stdout.length).toBe(10_000_000);
    // Buffered for the stalled client, in the cable and in the server together: its window, and the buffer of a Node stream.
    expect(written - received).toBeLessThanOrEqual(DEFAULT_WINDOW + 4 * 65_536);
    await other.close();
    await server.close();
    await server.closed;
    clogged!.destroy();
    await cable.close();
    await stalled.close();
    expect(await leftOpen()).toEqual([]);
  });
});

describe("the log", () => {
  it("tells of connections by their number and where they come from", async () => {
    const events: ListenEvent[] = [];
    const server = await started({ session: () => 0, log: (event) => events.push(event) });
    for (const command of ["one", "two"]) {
      const client = await connect(to(server));
      await client.exec(command);
      await client.close();
    }
    await server.close();
    const origin = { remoteAddress: "127.0.0.1", remotePort: expect.any(Number) };
    expect(events.filter((event) => "connection" in event && event.connection === 2)).toMatchObject([
      { ...origin, type: "connected" },
      { ...origin, type: "identified" },
      { ...origin, type: "login", user: "alice" },
      { ...origin, type: "session-started", command: "two" },
      { ...origin, type: "session-ended", exit: { status: 0 } },
      { ...origin, type: "closed" },
    ]);
  });

  it("that throws harms nobody", async () => {
    const server = await started({
      session: () => 0,
      log: () => {
        throw new Error("disk full");
      },
    });
    const client = await connect(to(server));
    expect((await client.exec("x")).status).toBe(0);
    await client.close();
  });
});
