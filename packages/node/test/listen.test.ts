import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { connect as dial, type Socket } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";
import { formatPublicKeyLine } from "@nacre/keyfiles";
import { fingerprint, generateEd25519 } from "@nacre/keys";
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { connect } from "../src/connect/connect.ts";
import type { ConnectOptions } from "../src/connect/options.ts";
import { CONNECT_OPTIONS } from "../src/connect/options.ts";
import * as nacreNode from "../src/index.ts";
import { listen } from "../src/listen/listen.ts";
import type { ListenEvent, ListenOptions } from "../src/listen/listen-options.ts";
import { LISTEN_OPTIONS } from "../src/listen/listen-options.ts";
import type { NodeSession } from "../src/listen/session.ts";
import { dropPercentage, type SshServer } from "../src/listen/ssh-server.ts";
import { codeOf, counting, later, serve, temporaryFolder, watchResources } from "./support.ts";

const hostKey = generateEd25519(counting);
const userKey = generateEd25519((length) => Uint8Array.from({ length }, (_, i) => i + 2));
const USER = fingerprint(userKey.publicKey.blob, "sha256");
const code = (expected: string): unknown => expect.objectContaining({ name: "SshError", code: expected });

const servers: SshServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** Starts a server on loopback that accepts logins with the tests' key. */
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

/** Returns an object with all names except some, each undefined. */
function undefinedBeside(names: object, given: readonly string[]): object {
  return Object.fromEntries(Object.keys(names).flatMap((name) => (given.includes(name) ? [] : [[name, undefined]])));
}

/** Opens a TCP connection that sends nothing. */
async function silent(server: SshServer): Promise<Socket> {
  const socket = dial(server.address.port, server.address.host);
  onTestFinished(() => void socket.destroy());
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

/** Reads from a connection until it ends. */
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

/** Ends the session when the client disconnects. */
async function untilGone(session: NodeSession): Promise<void> {
  if (!session.signal.aborted) await once(session.signal, "abort");
}

describe("listen", () => {
  it("serves commands over TCP and leaves nothing open", async () => {
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

  it("runs the README's example unchanged", async () => {
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
      .replaceAll("~/", `${home.replaceAll("\\", "/")}/`);
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

  it("transfers input and output of any size through one command", async () => {
    const server = await started({ session: (session) => pipeline(session.stdin, session.stdout) });
    const client = await connect(to(server));
    const input = Buffer.alloc(20_000_000, "0123456789abcde");
    const { stdout, status } = await client.exec("cat", { input, encoding: "bytes" });
    expect(status).toBe(0);
    expect(input.equals(stdout)).toBe(true);
    await client.close();
  });

  it("decodes output as `node:child_process` does, and refuses unknown encodings", async () => {
    const output = Buffer.from([0xff, 0x00, 0xe2, 0x98, 0x83]);
    const server = await started({ session: (session) => void session.stdout.write(output) });
    const client = await connect(to(server));
    for (const encoding of ["buffer", null] as const) {
      const { stdout } = await client.exec("x", { encoding });
      expect([Buffer.isBuffer(stdout), stdout.equals(output)]).toEqual([true, true]);
    }
    for (const encoding of ["latin1", "hex", "base64", "utf-8", "UTF16LE", "utf8"] as BufferEncoding[])
      expect((await client.exec("x", { encoding })).stdout).toBe(output.toString(encoding));
    expect((await client.exec("x", { encoding: "bytes" })).stdout).toEqual(new Uint8Array(output));
    for (const encoding of ["nonsense", "", 1, {}])
      expect(await codeOf(client.exec("x", { encoding: encoding as "utf8" }))).toBe("usage");
    expect(await codeOf(client.exec("x", null as never))).toBe("usage");
    await client.close();
  });

  it("sends all written data, even if the writes are not awaited", async () => {
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

  it("sends EOF early when both output streams are ended", async () => {
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

  it("aborts the session's signal and fails its streams when the client disconnects", async () => {
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

  it("ignores kill and resize of a closed command", async () => {
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
    ["an invalid port", { port: 65_536 }],
    ["a missing port", { port: undefined as never }],
    ["a port given as text", { port: "22" as never }],
    ["no host key", { hostKeys: [] }],
    ["a path instead of a host key", { hostKeys: ["/etc/ssh/host_key"] as never }],
    ["a host key that is a promise", { hostKeys: [Promise.resolve(hostKey)] as never }],
    ["an AbortController instead of its signal", { signal: new AbortController() as never }],
    ["an invalid maxUnauthenticated", { maxUnauthenticated: { start: 10, rate: 30, full: 9 } }],
    ["a window of 0", { limits: { initialWindow: 0 } }],
    ["a size with a unit", { limits: { rekeyBytes: "1G" as never } }],
    ["a loginGraceTime of NaN", { loginGraceTime: Number.NaN }],
    ["a maxConnections of NaN", { maxConnections: Number.NaN }],
    ["an unknown option", { acceptPTY: true } as object],
    ["an option that only serve accepts", { remoteAddress: "192.0.2.1" } as object],
  ])("rejects %s with `usage`", async (_, options) => {
    expect(await codeOf(started(options))).toBe("usage");
  });

  it("names an unknown option and suggests a similar one", async () => {
    await expect(started({ maxConections: 1 } as object)).rejects.toMatchObject({
      message: "`maxConections` is not an option of `listen`; did you mean `maxConnections`?",
    });
  });

  it("treats undefined options as not given, on both sides", async () => {
    const server = await started({
      ...undefinedBeside(LISTEN_OPTIONS, ["port", "hostKeys", "authenticate"]),
      session: ({ stdout }) => void stdout.write("hello"),
    });
    const client = await connect({
      ...undefinedBeside(CONNECT_OPTIONS, []),
      ...to(server),
    });
    expect(await client.exec("x")).toMatchObject({ stdout: "hello", status: 0 });
    await client.close();
  });

  it("rejects with `listen-failed` for a port in use and a foreign address", async () => {
    const server = await started();
    await expect(started({ port: server.address.port })).rejects.toMatchObject({
      code: "listen-failed",
      message: expect.stringContaining("in use"),
    });
    expect(await codeOf(started({ host: "192.0.2.1" }))).toBe("listen-failed");
  });

  it("closes everything on abort, also before listening", async () => {
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
  it("with grace waits for running sessions, drops clients without a login, and accepts no new ones", async () => {
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
    expect(await codeOf(client.exec("new", { queue: false }))).toBe("channel-open-failed");
    go.resolve();
    expect(await work).toMatchObject({ stdout: "done", status: 6 });
    await closing;
    expect(await client.ended).toEqual(code("disconnected"));
    expect(await leftOpen()).toEqual([]);
  });

  it("ends the remaining sessions after the grace period", async () => {
    const server = await started({ session: untilGone });
    const client = await connect(to(server));
    const process = await client.spawn("forever");
    await server.close({ grace: 30 });
    expect(await codeOf(process.exit)).toBe("disconnected");
    await server.close();
  });
});

describe("an exception of a server without `log`", () => {
  const fault = new Error("the database is down");
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  beforeEach(() => {
    warnings.length = 0;
    process.on("warning", onWarning);
  });
  afterEach(() => void process.off("warning", onWarning));

  it.each<[string, Partial<ListenOptions>]>([
    ["authenticate", { authenticate: () => Promise.reject(fault), perSource: false }],
    [
      "session",
      {
        session: () => {
          throw fault;
        },
      },
    ],
  ])("of `%s` is a process warning", async (name, options) => {
    const warned = once(process, "warning");
    const server = await started(options);
    await codeOf(connect(to(server)).then((client) => client.exec("x")));
    await warned;
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatchObject({
      name: "NacreWarning",
      message: expect.stringContaining(`\`${name}\` of a server`),
    });
    expect(warnings[0]).toMatchObject({ detail: fault.stack });
  });

  it("of a session that the client ended is not a warning, nor is any with `log`", async () => {
    const logged: ListenEvent[] = [];
    const isEnded = (): boolean => logged.some(({ type }) => type === "session-ended");
    const log = (event: ListenEvent): void => void logged.push(event);
    const server = await started({ session: (session) => untilGone(session).then(() => Promise.reject(fault)) });
    const client = await connect(to(server));
    await (await client.spawn("x")).close();
    const other = await started({ log, session: () => Promise.reject(fault) });
    const otherClient = await connect(to(other));
    await otherClient.exec("x");
    await expect.poll(isEnded, { timeout: 10_000 }).toBe(true);
    await Promise.all([client.close(), otherClient.close(), server.close(), other.close()]);
    expect(warnings).toEqual([]);
  });
});

describe("connections without a login", () => {
  it("are closed after loginGraceTime", async () => {
    const events: ListenEvent[] = [];
    const server = await started({ loginGraceTime: 40, log: (event) => events.push(event) });
    const socket = await silent(server);
    expect(await heard(socket)).toMatch(/^SSH-2.0-/);
    await expect
      .poll(() => events.at(-1), { timeout: 10_000 })
      .toMatchObject({ type: "closed", connection: 1, error: { code: "auth-timeout" } });
  });

  it("are dropped above the limit, not counting logged-in connections", async () => {
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
  ])("the next after %i is dropped with a probability of %f percent, as in sshd", (count, percent) => {
    expect(dropPercentage(count, { start: 10, rate: 30, full: 100 })).toBeCloseTo(percent, 1);
  });

  it("drops connections above maxConnections", async () => {
    const server = await started({ maxConnections: 1, session: () => 0 });
    const client = await connect(to(server));
    expect(await heard(await silent(server))).toMatch(/^Too many connections/);
    await client.close();
    while (server.connections.length > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    await (await connect(to(server))).close();
  });
});

/**
 * Returns the active TCP timer at the server's end of a connection, from Linux's table of sockets: "02" is keepalive. Both ports identify
 * the connection, since an earlier one from the same port may still be in TIME_WAIT. While the peer has not acknowledged the server's
 * bytes, the table shows the retransmission timer ("01") instead. The table may lack a row while other sockets are closed.
 */
async function timerOf(server: SshServer, { localPort }: Socket): Promise<string | undefined> {
  const ends = [server.address.port, localPort!].map((port) => `:${port.toString(16).toUpperCase().padStart(4, "0")}`);
  const rows = (await readFile("/proc/net/tcp", "utf8")).split("\n").map((row) => row.trim().split(/\s+/));
  return rows.find(([, local, peer]) => local?.endsWith(ends[0]!) && peer?.endsWith(ends[1]!))?.[5]?.slice(0, 2);
}

describe("connections of one source without a login", () => {
  it("do not lock out other sources, and are limited", async () => {
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
    // Some are dropped at random, as in sshd, and all above the limit.
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

  it("cause a penalty, unless the source is exempt or penalties are disabled", async () => {
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
    // Three failures of five seconds each have partly expired, so only the fourth exceeds fifteen seconds. The clock is slower than this
    // machine may be.
    const clock = performance.now.bind(performance);
    vi.spyOn(performance, "now").mockImplementation(() => clock() / 20);
    onTestFinished(() => void vi.restoreAllMocks());
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

  it("cause no penalty if they log in or the server ends them", async () => {
    const penalties = { noAuth: 60_000, authFail: 60_000, graceExceeded: 60_000 };
    const server = await started({ session: () => 0, perSource: { penalties } });
    for (let i = 0; i < 3; i++) await (await connect(to(server))).close();
    const closing = await silent(server);
    while (server.connections.length < 1) await new Promise((resolve) => setTimeout(resolve, 1));
    await Promise.all(server.connections.map((connection) => connection.close()));
    if (!closing.closed) await once(closing.resume(), "close");
    await (await connect(to(server))).close();
    // A connection that the client ends is penalised.
    const leaving = await silent(server);
    while (server.connections.length < 1) await new Promise((resolve) => setTimeout(resolve, 1));
    leaving.destroy();
    while (server.connections.length > 0) await new Promise((resolve) => setTimeout(resolve, 1));
    expect(await codeOf(connect(to(server)))).toMatch(/not-ssh|connection-lost/);
  });

  it("get the answer to each failed login later, and to a key query immediately", async () => {
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
    // Check only lower bounds: a slow machine increases the delays.
    expect(second - first).toBeGreaterThanOrEqual(95);
    expect(third - second).toBeGreaterThanOrEqual(195);
  });

  it("reject a host name in exempt", async () => {
    expect(await codeOf(started({ perSource: { exempt: ["localhost"] } }))).toBe("usage");
  });

  const LIMITED: Record<string, (value: number) => Partial<ListenOptions>> = {
    "perSource.maxUnauthenticated": (value) => ({ perSource: { maxUnauthenticated: value } }),
    "perSource.netBlockSize.ipv4": (ipv4) => ({ perSource: { netBlockSize: { ipv4 } } }),
    "perSource.netBlockSize.ipv6": (ipv6) => ({ perSource: { netBlockSize: { ipv6 } } }),
    "perSource.maxFailureDelay": (maxFailureDelay) => ({ perSource: { maxFailureDelay } }),
    "perSource.maxSources": (maxSources) => ({ perSource: { maxSources } }),
    "perSource.penalties.authFail": (authFail) => ({ perSource: { penalties: { authFail } } }),
    "perSource.penalties.max": (max) => ({ perSource: { penalties: { max } } }),
    "maxUnauthenticated.start": (start) => ({ maxUnauthenticated: { start, rate: 30, full: 100 } }),
    "maxUnauthenticated.rate": (rate) => ({ maxUnauthenticated: { start: 10, rate, full: 100 } }),
    "maxUnauthenticated.full": (full) => ({ maxUnauthenticated: { start: 10, rate: 30, full } }),
  };
  it.each(Object.keys(LIMITED))("reject an invalid %s", async (name) => {
    for (const value of [Number.NaN, -1, 0.5, Number.POSITIVE_INFINITY, "5s", null]) {
      const listening = started(LIMITED[name]!(value as number));
      await expect(listening).rejects.toMatchObject({ code: "usage", message: expect.stringContaining(`\`${name}\``) });
    }
  });
});

/** Counts the global requests that a client receives while it runs a command. */
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

it("announces its host keys unless disabled", async () => {
  expect([await announcements(undefined), await announcements(true), await announcements(false)]).toEqual([1, 1, 0]);
});

/** Returns the delays of keepalive timers on a connection that has been idle for 0.1 seconds. Excludes the rekey timer of one hour. */
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
  it("is detected by TCP keepalive", async () => {
    const server = await started();
    const socket = await silent(server);
    while (server.connections.length < 1) await new Promise((resolve) => setTimeout(resolve, 1));
    await expect.poll(() => timerOf(server, socket), { timeout: 20_000 }).toBe("02");
  });

  it("is detected by SSH keepalive if enabled, and its session ends", async () => {
    const events: ListenEvent[] = [];
    const ended = later<unknown>();
    const server = await started({
      limits: { keepaliveInterval: 1000, keepaliveCount: 2 },
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
    // Drop all data, so that neither end notices the broken connection.
    far!.unpipe();
    far!.resume();
    for (const near of cable.sockets) near.unpipe().resume();
    expect(await ended.promise).toEqual(code("keepalive-timeout"));
    expect(events.at(-1)).toMatchObject({ type: expect.stringMatching(/closed|session-ended/) });
    await cable.close();
  });

  it("does not get SSH keepalives by default, because a client that reads only on demand cannot answer", async () => {
    expect(await keepaliveTimers(undefined)).toEqual([]);
    expect(await keepaliveTimers({ initialWindow: 1_000_000 })).toEqual([]);
    expect(await keepaliveTimers({ keepaliveInterval: 60_000 })).not.toEqual([]);
  });
});

/** Sizes in bytes, of the receiving side unless stated otherwise. */
const DEFAULT_WINDOW = 2 * 1024 * 1024;

describe("a client that does not read", () => {
  it("does not block others, and uses no more memory than its window and stream buffers", async () => {
    const WINDOW = 256 * 1024;
    let written = 0;
    const server = await started({
      session: async (session) => {
        if (session.command === "quick") return 0;
        for (;;) {
          const chunk = Buffer.alloc(16_384);
          written += chunk.length;
          if (!session.stdout.write(chunk)) await once(session.stdout, "drain", { signal: session.signal });
        }
      },
    });
    const stalled = await connect(to(server, { limits: { initialWindow: WINDOW } }));
    const process = await stalled.spawn("yes");
    const other = await connect(to(server));
    await vi.waitUntil(() => written >= WINDOW, { timeout: 10_000 });
    let before: number;
    do {
      before = written;
      for (let i = 0; i < 20; i++) expect((await other.exec("quick")).status).toBe(0);
    } while (written > before);
    expect((await stalled.exec("quick")).status).toBe(0);
    expect(written).toBe(before);
    // The window on the client's side, and the buffer of a Node stream on each side: 64 KiB and one chunk.
    expect(written).toBeLessThanOrEqual(WINDOW + 4 * 65_536);
    process.stdout.destroy();
    await Promise.all([stalled.close(), other.close()]);
  });

  it("does not block others or the server's close, even if it does not read its socket", async () => {
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
    // A proxy between them can stop forwarding.
    let clogged: Socket | undefined;
    const cable = await serve((near) => {
      const far = dial(server.address.port, server.address.host);
      far.on("error", () => {});
      near.on("close", () => far.destroy());
      near.pipe(far);
      far.pipe(near);
      clogged = far;
    });
    // All parties share one thread, which increases the round-trip time. Prevent the window from growing because of that.
    const stalled = await connect(to(server, { port: cable.port, limits: { maxWindow: DEFAULT_WINDOW } }));
    const running = await stalled.spawn("yes");
    // The cable is cut at the end.
    running.exit.catch(() => {});
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
    // Data buffered for the stalled client by the proxy and the server together: its window and a Node stream's buffer.
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
  it("identifies connections by their number and remote address", async () => {
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

  it("does not affect connections if it throws", async () => {
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
