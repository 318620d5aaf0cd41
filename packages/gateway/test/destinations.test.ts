import { once } from "node:events";
import { createServer } from "node:net";
import { expectError } from "@nacre/testing/errors";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { Destinations, normalizeHost, parseTarget } from "../src/destinations.ts";
import { dial } from "../src/dial.ts";
import type { Lookup } from "../src/lookups.ts";
import { echo, Page, startGateway, tcpServer, ticketFor } from "./support.ts";

const names = (known: Readonly<Record<string, readonly string[]>>): Lookup => {
  return async (host) => {
    const found = known[host];
    if (found === undefined) throw new Error("ENOTFOUND");
    return found;
  };
};

async function resolve(allow: string[], host: string, found: readonly string[] = ["8.8.8.8"]): Promise<string> {
  const destinations = new Destinations(allow, names({ [host]: found }));
  try {
    const request = { client: "192.0.2.1", signal: new AbortController().signal };
    return (await destinations.resolve(destinations.target(host, 22), request)).join(" ");
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe("a destination", () => {
  test.each([
    ["ssh.example.org:22", "ssh.example.org"],
    ["SSH.example.org.:22", "ssh.EXAMPLE.org"],
    ["ssh.example.org:*", "ssh.example.org."],
    ["*:22", "anything.example"],
    ["[2600:0::1]:22", "2600::0:1"],
  ])("is allowed if an entry matches it: %s, %s", (allow, host) => {
    expect(new Destinations([allow]).target(host, 22)).toEqual({ host: normalizeHost(host), port: 22 });
  });

  test.each([
    [[], "ssh.example.org"],
    [["ssh.example.org:23"], "ssh.example.org"],
    [["ssh.example.org:22"], "example.org"],
    [["ssh.example.org:22"], "evil-ssh.example.org"],
    [["ssh.example.org:22"], "ssh.example.org.evil.example"],
    [["8.8.8.8:22"], "8.8.8.9"],
  ])("is refused if no entry matches it: %j, %s", (allow, host) => {
    expectError("forward-denied", () => new Destinations(allow).target(host, 22));
  });

  test.each([
    "127.1",
    "127.0.1",
    "0x7f.1",
    "0X7F.1",
    "0x7f000001",
    "0x7f.0x0.0x0.0x1",
    "2130706433",
    "017700000001",
    "0177.0.0.1",
    "127.00.0.1",
    "127.0.0.0377",
    "256.256.256.256",
    "0",
    "0x",
    "127.0.0.1:22",
    "127.0.0.1\0",
    "127.0.0.1\n",
    "127.0.0.1%00",
    "%31",
    "①②⑦.⓪.⓪.①",
    "127。0。0。1",
    "::127.1",
    "::ffff:0x7f.1",
    "::1%25lo",
    "::ffff:127.0.0.1%lo",
    "[::ffff:127.0.0.1]",
    "localhost..",
    "127.0.0.0x1",
    "127.0.0.1.",
    "fe80::1%eth0",
    "[::1]",
    "user@host",
    "a b",
    "a/b",
    "a..b",
    "",
    ".",
    "*",
    "ünïcode.example",
    `${"a".repeat(64)}.example`,
    `${"a.".repeat(130)}example`,
  ])("is refused unless it is a host name or an address in canonical form: %j", (host) => {
    expect(normalizeHost(host)).toBeUndefined();
    expectError("forward-denied", () => new Destinations(["*:22"]).target(host, 22));
  });

  test.each([
    "127.0.0.1",
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "fec0::1",
    "100::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
    "4000::1",
    "::ffff:8.8.8.8",
    "::ffff:7f00:1",
    "0:0:0:0:0:ffff:a9fe:a9fe",
    "::ffff:0:127.0.0.1",
    "::8.8.8.8",
    "::127.0.0.1",
    "2002:808:808::1",
    "2002:7f00:1::",
    "64:ff9b::7f00:1",
    "64:ff9b::8.8.8.8",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::7f00:1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
  ])("at %s is refused unless an entry is this address", async (address) => {
    expect(await resolve(["ssh.example.org:22"], "ssh.example.org", [address])).toBe("forward-denied");
    expect(await resolve(["*:22"], address)).toBe("forward-denied");
    expect(await resolve(["*:22"], "ssh.example.org", [address])).toBe("forward-denied");
    // An entry with the address itself allows it, but not names that resolve to it.
    expect(await resolve([`${address.includes(":") ? `[${address}]` : address}:22`], address)).toBe(
      normalizeHost(address),
    );
  });

  test("with a network may resolve into it, and otherwise only to public addresses", async () => {
    const allow = ["db.internal:22=10.0.0.0/8,fd00::/8"];
    expect(await resolve(allow, "db.internal", ["10.1.2.3"])).toBe("10.1.2.3");
    expect(await resolve(allow, "db.internal", ["fd12::1"])).toBe("fd12::1");
    expect(await resolve(allow, "db.internal", ["192.168.1.1", "10.1.2.3", "8.8.8.8"])).toBe("10.1.2.3 8.8.8.8");
    expect(await resolve(allow, "db.internal", ["127.0.0.1"])).toBe("forward-denied");
  });

  test("localhost leads to loopback addresses only, and only if an entry names it", async () => {
    expect(await resolve(["localhost:22"], "localhost", ["127.0.0.1", "::1", "10.0.0.1"])).toBe("127.0.0.1 ::1");
    expect(await resolve(["*:22"], "localhost", ["127.0.0.1"])).toBe("forward-denied");
  });

  test("is refused if its lookup returns a zone, a name or nothing", async () => {
    expect(await resolve(["a.example:22"], "a.example", ["8.8.8.8%eth0"])).toBe("forward-denied");
    expect(await resolve(["a.example:22"], "a.example", ["b.example"])).toBe("forward-denied");
    expect(await resolve(["a.example:22"], "a.example", [])).toBe("forward-unreachable");
  });

  test.each([
    "",
    "host",
    "host:",
    "host:0",
    "host:65536",
    "host:22:22",
    "2001:db8::1:22",
    "[127.1]:22",
    "127.1:22",
    "*.example.org:22",
    "host:22=",
    "host:22=10.0.0.1/8",
    "host:22=elsewhere",
  ])("%j cannot be allowed", (text) => {
    expectError("usage", () => new Destinations([text]));
  });

  test("may have any port from 1 to 65535", () => {
    const destinations = new Destinations(["example.org:*"]);
    for (const port of [1, 65_535]) expect(destinations.target("example.org", port)).toMatchObject({ port });
    for (const port of [0, 65_536, 22.5]) expectError("forward-denied", () => destinations.target("example.org", port));
  });

  test("for plain mode is one host and one port", () => {
    expect(parseTarget("plain", "[::1]:22")).toEqual({ host: "::1", port: 22 });
    for (const text of ["*:22", "host:*", "host"]) expectError("usage", () => parseTarget("plain", text));
  });
});

/** Destinations whose lookups end when the test calls `answer`, and the names that were asked. */
function lookups(allow: string[]) {
  const asked: string[] = [];
  const answers = new Map<string, (addresses: readonly string[]) => void>();
  const destinations = new Destinations(allow, (host) => {
    asked.push(host);
    return new Promise((answer) => answers.set(host, answer));
  });
  return {
    asked,
    answer: (host: string) => answers.get(host)!(["8.8.8.8"]),
    resolve: (host: string, client: string, signal = new AbortController().signal) =>
      destinations.resolve({ host, port: 22 }, { client, signal }),
  };
}

/** Number of open TCP connections of this process. */
function tcpSockets(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
}

test("an attempt to connect that is abandoned leaves no socket", async () => {
  const { port, sockets } = await tcpServer(echo);
  const before = tcpSockets();
  const over = new AbortController();
  const dialling = dial({ host: "a.example", port }, ["127.0.0.1"], { signal: over.signal });
  const reason = new Error("the page has gone");
  over.abort(reason);
  await expect(dialling).rejects.toBe(reason);
  await expect.poll(() => [tcpSockets(), sockets.size], { timeout: 10_000 }).toEqual([before, 0]);
});

describe("a name", () => {
  test("is looked up once for all clients that ask for it meanwhile", async () => {
    const { asked, answer, resolve } = lookups(["*:22"]);
    const first = resolve("a.example", "192.0.2.1");
    const second = resolve("a.example", "192.0.2.2");
    answer("a.example");
    expect(await Promise.all([first, second])).toEqual([["8.8.8.8"], ["8.8.8.8"]]);
    void resolve("a.example", "192.0.2.1");
    expect(asked).toEqual(["a.example", "a.example"]);
  });

  test("that is never found holds up no other client: one has at most half of the lookups that others leave", async () => {
    const { asked, answer, resolve } = lookups(["*:22"]);
    for (let i = 0; i < 100; i++) void resolve(`slow${i}.example`, "192.0.2.1");
    expect(asked).toHaveLength(32);
    const found = resolve("fast.example", "192.0.2.2");
    answer("fast.example");
    expect(await found).toEqual(["8.8.8.8"]);
  });

  test("of a client that gave up leaves the queue", async () => {
    const { asked, answer, resolve } = lookups(["*:22"]);
    const over = new AbortController();
    for (let i = 0; i < 100; i++) void resolve(`slow${i}.example`, "192.0.2.1", over.signal);
    over.abort();
    answer("slow0.example");
    const late = resolve("late.example", "192.0.2.1");
    await expect.poll(() => asked, { timeout: 10_000 }).toHaveLength(33);
    answer("late.example");
    expect(await late).toEqual(["8.8.8.8"]);
  });

  test("that `allow` lists has a lookup even if all others are taken by names that it does not list", async () => {
    const { asked, answer, resolve } = lookups(["*:22", "db.example:22"]);
    for (let client = 1; client <= 50; client++)
      for (let i = 0; i < 5; i++) void resolve(`slow${client}-${i}.example`, `192.0.2.${client}`);
    expect(asked).toHaveLength(32);
    const found = resolve("db.example", "192.0.2.99");
    answer("db.example");
    expect(await found).toEqual(["8.8.8.8"]);
  });

  test("is refused if 256 of the client's names wait", async () => {
    const { resolve } = lookups(["*:22"]);
    for (let i = 0; i < 32 + 256; i++) void resolve(`slow${i}.example`, "192.0.2.1");
    await expect(resolve("more.example", "192.0.2.1")).rejects.toMatchObject({ code: "forward-unreachable" });
  });

  test("is looked up once for each connection, so its address cannot change after the check", async () => {
    const { port } = await tcpServer(echo);
    const answers = [["127.0.0.1"], ["127.0.0.2"]];
    const { gateway, url, event } = await startGateway({
      allow: [`rebind.example:${port}=127.0.0.1/32`],
      lookup: async () => answers.shift() ?? [],
    });
    const page = new Page(url, {
      ticket: await ticketFor(gateway, port, "rebind.example"),
      host: "rebind.example",
      port,
    });
    await page.opened;
    expect(await event("opened")).toMatchObject({ host: "rebind.example", address: "127.0.0.1" });
    const second = new Page(url, {
      ticket: await ticketFor(gateway, port, "rebind.example"),
      host: "rebind.example",
      port,
    });
    expect(await second.closeName()).toBe("destination-refused");
    expect(answers).toEqual([]);
  });

  test("is dialled at the checked address, even if the system resolves it to another", async () => {
    // The system resolves `localhost` to 127.0.0.1, where a server listens. The lookup returns 127.0.0.2, where none listens.
    const { port } = await tcpServer(echo);
    const { gateway, url } = await startGateway({
      allow: [`localhost:${port}`],
      limits: { connectTimeout: 1000 },
      lookup: async () => ["127.0.0.2"],
    });
    const page = new Page(url, { ticket: await ticketFor(gateway, port, "localhost"), host: "localhost", port });
    expect(await page.refused()).toMatch(/^destination-(?:unreachable|timeout)$/);
  });

  test("is dialled at its permitted addresses only", async () => {
    const reached: string[] = [];
    const permitted = await tcpServer((socket) => {
      reached.push(String(socket.localAddress));
      socket.pipe(socket);
    });
    const forbidden = createServer((socket) => {
      reached.push(String(socket.localAddress));
      socket.destroy();
    });
    forbidden.listen(permitted.port, "127.0.0.3");
    await once(forbidden, "listening");
    onTestFinished(() => void forbidden.close());
    const { gateway, url, event } = await startGateway({
      allow: [`mixed.example:${permitted.port}=127.0.0.1/32`],
      lookup: async () => ["127.0.0.3", "::ffff:127.0.0.3", "127.0.0.1"],
    });
    const page = new Page(url, {
      ticket: await ticketFor(gateway, permitted.port, "mixed.example"),
      host: "mixed.example",
      port: permitted.port,
    });
    await page.opened;
    page.write(Buffer.from("hello"));
    await page.receives(5);
    expect(await event("opened")).toMatchObject({ address: "127.0.0.1" });
    expect(reached).toEqual(["127.0.0.1"]);
  });

  test("without an address, or a closed port, closes with destination-unreachable; an unanswered lookup with destination-timeout", async () => {
    const { gateway, url, event } = await startGateway({
      allow: ["gone.example:22", "127.0.0.1:1", "slow.example:22"],
      limits: { connectTimeout: 4000 },
      lookup: (host) => (host === "slow.example" ? new Promise(() => {}) : Promise.reject(new Error("secret"))),
    });
    for (const [host, port, reason] of [
      ["gone.example", 22, "destination-unreachable"],
      ["127.0.0.1", 1, "destination-unreachable"],
      ["slow.example", 22, "destination-timeout"],
    ] as const) {
      const page = new Page(url, { ticket: await ticketFor(gateway, port, host), host, port });
      expect(await page.closeName()).toBe(reason);
    }
    expect(await event("rejected", 2)).toMatchObject({ detail: "cannot connect to 127.0.0.1:1: ECONNREFUSED" });
    expect(await event("rejected", 3)).toMatchObject({ reason: "destination-timeout" });
    expect(gateway.connections).toBe(0);
  });

  test("is looked up again once `connectTimeout` is over for the one lookup that never ends", async () => {
    const { port } = await tcpServer(echo);
    const answers: (() => void)[] = [];
    const { gateway, url } = await startGateway({
      allow: [`slow.example:${port}=127.0.0.1/32`],
      lookup: () => new Promise((resolve) => answers.push(() => resolve(["127.0.0.1"]))),
    });
    const open = async (): Promise<Page> =>
      new Page(url, { ticket: await ticketFor(gateway, port, "slow.example"), host: "slow.example", port });
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const first = await open();
    await expect.poll(() => answers, { timeout: 10_000 }).toHaveLength(1);
    vi.advanceTimersByTime(10_000);
    expect(await first.closeName()).toBe("destination-timeout");
    const second = await open();
    await expect.poll(() => answers, { timeout: 10_000 }).toHaveLength(2);
    for (const answer of answers) answer();
    expect(await second.refused()).toBe("opened");
  });
});
