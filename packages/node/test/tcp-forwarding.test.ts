import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { chmod, lstat, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, connect as dialSocket, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { addAbortSignal, type Duplex as NodeDuplex } from "node:stream";
import { text } from "node:stream/consumers";
import { fingerprint, generateEd25519 } from "@nacre/keys";
import { SshError } from "@nacre/wire";
import type { Permissions } from "nacre";
import type { ConnectContext, Duplex, ListenContext } from "nacre/extend";
import { afterEach, describe, expect, it, onTestFinished, vi } from "vitest";
import type { Client } from "../src/connect/client.ts";
import { connect } from "../src/connect/connect.ts";
import { listenAddresses } from "../src/forward/forward-listen.ts";
import { listen } from "../src/listen/listen.ts";
import type { ListenEvent } from "../src/listen/listen-options.ts";
import type { SshServer } from "../src/listen/ssh-server.ts";
import { type TcpForwardingOptions, tcpForwarding } from "../src/listen/tcp-forwarding.ts";
import { type Lookup, ownAddresses } from "../src/net/lookup.ts";
import { isWindows } from "../src/windows/system.ts";
import { codeOf, counting, serve, socketPath, temporaryFolder, watchResources } from "./support.ts";

const hostKey = generateEd25519(counting);
const userKey = generateEd25519((length) => Uint8Array.from({ length }, (_, i) => i + 2));

const servers: SshServer[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

interface Tunnel {
  readonly server: SshServer;
  readonly client: Client;
  readonly events: ListenEvent[];
}

/** A client logged in to a server with forwarding. */
async function tunnel(
  options: TcpForwardingOptions = {},
  permissions: Permissions = { portForwarding: true },
): Promise<Tunnel> {
  const events: ListenEvent[] = [];
  const server = await listen({
    port: 0,
    hostKeys: [hostKey],
    authenticate: () => ({ permissions }),
    forwarding: tcpForwarding(options),
    log: (event) => events.push(event),
  });
  servers.push(server);
  const client = await connect({
    host: "127.0.0.1",
    port: server.address.port,
    user: "alice",
    identities: [userKey],
    agent: false,
    hostKey: fingerprint(hostKey.publicKey.blob, "sha256"),
  });
  return { server, client, events };
}

const LOCAL: TcpForwardingOptions = { permitOpen: ["127.0.0.1:*"] };

/** Echoes the data of each connection after its end. */
function echo(socket: Socket): void {
  let said = "";
  socket.allowHalfOpen = true;
  socket.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  socket.on("end", () => socket.end(`echo ${said}`));
}

async function exchange(stream: NodeDuplex, words: string): Promise<string> {
  stream.end(words);
  return text(stream);
}

/** Returns the messages of the errors logged for refused requests. */
const reasons = (events: readonly ListenEvent[]): readonly string[] =>
  events.flatMap((event) => (event.type === "request-refused" ? [(event.error as Error).message] : []));

/** A resolver that knows only these names. */
const names =
  (known: Readonly<Record<string, readonly string[]>>): Lookup =>
  async (host) => {
    const addresses = known[host];
    if (addresses === undefined) throw new Error("secret error of the resolver");
    return addresses;
  };

async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await new Promise((resolve) => setTimeout(resolve, 1));
}

describe("tcpForwarding connects", () => {
  it("to a permitted address, with half-close", async () => {
    const target = await serve(echo);
    const { client, events } = await tunnel(LOCAL);
    const stream = await client.dial({ host: "127.0.0.1", port: target.port });
    expect(await exchange(stream, "hello")).toBe("echo hello");
    expect(events).toContainEqual(expect.objectContaining({ type: "forward-opened" }));
    await client.close();
  });

  it("to a target that ends first and still receives the client's data", async () => {
    let received = "";
    const target = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on("data", (chunk: Buffer) => {
        received += chunk.toString();
      });
      socket.end("greeting");
    });
    await new Promise<void>((resolve) => target.listen(0, "127.0.0.1", resolve));
    const { client } = await tunnel(LOCAL);
    const stream = await client.dial({ host: "127.0.0.1", port: (target.address() as AddressInfo).port });
    let said = "";
    stream.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    await once(stream, "end");
    expect(said).toBe("greeting");
    stream.end("late");
    await until(() => received === "late");
    await client.close();
    target.close();
  });

  it("to localhost on either address, and to a name on its checked addresses", async () => {
    const target = await serve(echo);
    const asked: string[] = [];
    const lookup = async (host: string): Promise<readonly string[]> => {
      asked.push(host);
      // A second lookup would return another address.
      return asked.length > 2 ? ["169.254.169.254"] : ["127.0.0.1"];
    };
    const permitOpen = ["localhost:*", "db.example.org:*", "127.0.0.1:*"];
    const { client } = await tunnel({ permitOpen, lookup });
    for (const host of ["localhost", "db.example.org"])
      expect(await exchange(await client.dial({ host, port: target.port }), "hello")).toBe("echo hello");
    expect(asked).toEqual(["localhost", "db.example.org"]);
    await client.close();
  });

  it("to a permitted Unix socket, and to no other", async () => {
    const path = socketPath(await temporaryFolder(), "app.sock");
    // A named pipe of Windows cannot end in one direction alone.
    await serve((socket) => socket.once("data", (chunk: Buffer) => socket.write(`echo ${chunk.toString()}`)), path);
    const { client, events } = await tunnel({ permitOpen: [path] });
    const stream = await client.dial({ path });
    stream.write("hello");
    let said = "";
    stream.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    await until(() => said === "echo hello");
    expect(await codeOf(client.dial({ path: `${path}2` }))).toBe("forward-denied");
    const others = await tunnel();
    expect(await codeOf(others.client.dial({ path }))).toBe("forward-denied");
    expect(reasons(events)).toEqual([expect.stringContaining("`permitOpen` of `tcpForwarding` does not permit")]);
    await Promise.all([client.close(), others.client.close()]);
  });

  it("to the next address if one refuses or does not answer", async () => {
    const target = await serve(echo);
    // 127.0.0.9 has no listener; 192.0.2.1 is reserved for documentation (RFC 5737) and does not answer.
    const lookup = names({ refusing: ["127.0.0.9", "127.0.0.1"], silent: ["192.0.2.1", "127.0.0.1"] });
    const { client } = await tunnel({ permitOpen: ["*:*", "127.0.0.1:*", "127.0.0.9:*"], lookup });
    for (const host of ["refusing", "silent"])
      expect(await exchange(await client.dial({ host, port: target.port }), "hello")).toBe("echo hello");
    await client.close();
  });
});

describe("tcpForwarding refuses", () => {
  it.each([
    ["127.0.0.1", ["127.0.0.1"]],
    ["::ffff:127.0.0.1", ["::ffff:127.0.0.1"]],
    ["evil.example.org", ["127.0.0.1"]],
    ["evil.example.org", ["::ffff:127.0.0.1"]],
    ["evil.example.org", ["169.254.169.254"]],
    ["evil.example.org", ["::1"]],
    ["evil.example.org", ["0.0.0.0"]],
    ["localhost", ["127.0.0.1", "::1"]],
    ["2130706433", ["127.0.0.1"]],
  ])("%s with the addresses %j unless listed, and dials nothing", async (host, addresses) => {
    const target = await serve(() => {});
    const lookup = async (): Promise<readonly string[]> => addresses;
    for (const permitOpen of [
      undefined,
      ["*:*"],
      ["[*]:*"],
      ["*:*", `${host.includes(":") ? "a.b" : "evil.example.org"}:*`],
    ]) {
      const { client, events } = await tunnel({ permitOpen, lookup });
      expect(await codeOf(client.dial({ host, port: target.port }))).toBe("forward-denied");
      expect(reasons(events)).toEqual([expect.stringContaining("an address of this machine or its link")]);
      await client.close();
    }
    expect(target.sockets).toHaveLength(0);
  });

  it("the forbidden addresses of a name, and dials the others", async () => {
    const loopback = await serve(() => {});
    // 192.0.2.1 is reserved for documentation (RFC 5737) and does not answer.
    const { client } = await tunnel({
      lookup: names({ "both.example.org": ["127.0.0.1", "192.0.2.1"] }),
      connectTimeout: 300,
    });
    expect(await codeOf(client.dial({ host: "both.example.org", port: loopback.port }))).toBe("forward-unreachable");
    expect(loopback.sockets).toHaveLength(0);
    await client.close();
  });

  it("every address of this machine by *, but the link's alone with `permitThisMachine`", async () => {
    const target = await serve(echo);
    const addresses = ["127.0.0.1", "::ffff:127.0.0.1", ...ownAddresses()];
    const closed = await tunnel();
    for (const host of addresses)
      expect(await codeOf(closed.client.dial({ host, port: target.port })), host).toBe("forward-denied");
    expect(target.sockets).toHaveLength(0);
    const { client } = await tunnel({ permitThisMachine: true });
    for (const host of ["127.0.0.1", "localhost"])
      expect(await exchange(await client.dial({ host, port: target.port }), "hello")).toBe("echo hello");
    for (const host of ["169.254.169.254", "fe80::1", "::ffff:169.254.169.254"])
      expect(await codeOf(client.dial({ host, port: target.port })), host).toBe("forward-denied");
    await Promise.all([closed.client.close(), client.close()]);
  });

  it("a place not in the list, before resolving the name", async () => {
    const asked: string[] = [];
    const lookup = async (host: string): Promise<readonly string[]> => {
      asked.push(host);
      return [];
    };
    const { client } = await tunnel({ permitOpen: ["db.example.org:5432", "*:443"], lookup });
    expect(await codeOf(client.dial({ host: "db.example.org", port: 5433 }))).toBe("forward-denied");
    expect(await codeOf(client.dial({ host: "DB.example.org", port: 5432 }))).toBe("forward-denied");
    expect(asked).toEqual([]);
    expect(await codeOf(client.dial({ host: "www.example.org", port: 443 }))).toBe("forward-unreachable");
    expect(asked).toEqual(["www.example.org"]);
    await client.close();
  });

  it("an unreachable target without telling the client why", async () => {
    const lookup = names({ "refused.example.org": ["127.0.0.1"] });
    const { client, events } = await tunnel({ permitOpen: ["*:*", "127.0.0.1:*"], lookup });
    const free = await serve(() => {});
    await free.close();
    for (const host of ["unknown.example.org", "refused.example.org"]) {
      const error = await client.dial({ host, port: free.port }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "forward-unreachable" });
      expect((error as Error).message).not.toMatch(/secret|ECONNREFUSED/);
    }
    expect(reasons(events)).toEqual([expect.stringContaining("secret"), expect.stringContaining("ECONNREFUSED")]);
    await client.close();
  });

  it("a target that does not answer in time, including during the lookup", async () => {
    const { client, events } = await tunnel({ lookup: () => new Promise(() => {}), connectTimeout: 30 });
    expect(await codeOf(client.dial({ host: "slow.example.org", port: 80 }))).toBe("forward-unreachable");
    expect(reasons(events)).toEqual(["cannot connect to slow.example.org:80: no answer within 30 ms"]);
    await client.close();
  });

  it("names whose lookup never ends, and then looks up the login's next ones", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const asked: string[] = [];
    const { connect: dial, listen: bind } = tcpForwarding({
      gatewayPorts: "clientspecified",
      lookup(host) {
        asked.push(host);
        return host === "fast.example.org" ? Promise.resolve([]) : new Promise(() => {});
      },
    });
    const login = { user: "alice", factors: [], accept: () => {} };
    const context = () =>
      ({ ...login, signal: new AbortController().signal }) as unknown as ConnectContext & ListenContext;
    // 32 names: a login has half of the 64 lookups.
    const slow = Array.from({ length: 31 }, (_, i) => dial!({ host: `slow${i}.example.org`, port: 80 }, context()));
    slow.push(bind!({ host: "interface.example.org", port: 0 }, context()) as Promise<never>);
    const codes = Promise.all(slow.map(codeOf));
    await expect.poll(() => asked, { timeout: 10_000 }).toHaveLength(32);
    vi.advanceTimersByTime(15_000);
    expect(new Set(await codes)).toEqual(new Set(["forward-unreachable"]));
    expect(await codeOf(dial!({ host: "fast.example.org", port: 80 }, context()))).toBe("forward-unreachable");
    expect(asked).toContain("fast.example.org");
  });

  it.each([
    ["permitOpen", "localhost:80"],
    ["permitOpen", ["localhost"]],
    ["permitOpen", ["8080"]],
    ["permitListen", ["localhost"]],
    ["permitListen", [8080]],
    ["gatewayPorts", true],
    ["connectTimeout", 0],
    ["connectTimeout", Number.NaN],
    ["lookup", "dns"],
    ["permitThisMachine", "yes"],
    ["permitopen", []],
  ])("an invalid option %s: %j", (name, value) => {
    expect(() => tcpForwarding({ [name]: value })).toThrow(expect.objectContaining({ code: "usage" }));
  });
});

/** Connects to a listener and returns the outcome. */
async function visit(to: {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly path?: string | undefined;
}): Promise<Socket> {
  const socket = dialSocket(to as { readonly host: string; readonly port: number });
  await once(socket, "connect");
  socket.on("error", () => {});
  return socket;
}

/** Takes one connection and leaves the listener open. */
async function firstOf(listener: AsyncIterable<NodeDuplex>): Promise<NodeDuplex> {
  const { value } = (await listener[Symbol.asyncIterator]().next()) as { readonly value?: NodeDuplex };
  if (value === undefined) throw new Error("no connection arrived");
  return value;
}

/** Returns the addresses of this machine that answer for a listener on `host`. Another program may use the same port on another address. */
async function answering(gatewayPorts: TcpForwardingOptions["gatewayPorts"], host: string): Promise<readonly string[]> {
  const { client } = await tunnel({ gatewayPorts });
  const listener = await client.listen({ host, port: 0 });
  const greeting = randomUUID();
  void greetAll(listener, greeting);
  const hosts = ["127.0.0.1", "127.0.0.2", "::1"];
  const greetings = await Promise.all(hosts.map((one) => greetingOf({ host: one, port: listener.port })));
  await client.close();
  return hosts.filter((_, index) => greetings[index] === greeting);
}

/** Listens on a port of `host` that nothing uses on `other`. */
async function takePort(host: string, other: string): Promise<{ readonly taken: Server; readonly port: number }> {
  for (;;) {
    const taken = createServer();
    onTestFinished(() => void taken.close());
    await once(taken.listen(0, host), "listening");
    const { port } = taken.address() as AddressInfo;
    const probe = createServer().listen(port, other);
    const isFree = (await codeOf(once(probe, "listening"))) === "no error";
    if (isFree) {
      await new Promise((resolve) => probe.close(resolve));
      return { taken, port };
    }
  }
}

async function greetAll(listener: AsyncIterable<NodeDuplex>, greeting: string): Promise<void> {
  for await (const stream of listener) stream.end(greeting);
}

/** Returns what a listener sends until it ends, or `undefined` if there is no listener or no end. */
async function greetingOf(to: Parameters<typeof visit>[0]): Promise<string | undefined> {
  try {
    const socket = await visit(to);
    onTestFinished(() => void socket.destroy());
    return await text(addAbortSignal(AbortSignal.timeout(10_000), socket));
  } catch {
    return undefined;
  }
}

describe("tcpForwarding listens", () => {
  it("on a free loopback port, delivers connections, and stops when cancelled", async () => {
    const { client, events } = await tunnel();
    const listener = await client.listen({ port: 0 });
    const { port = 0 } = listener;
    for (const host of ["127.0.0.1", "::1"]) {
      const socket = await visit({ host, port });
      const stream = await firstOf(listener);
      void exchange(stream, "to the visitor");
      expect(await text(socket)).toBe("to the visitor");
      socket.destroy();
    }
    expect(events).toContainEqual(
      expect.objectContaining({ type: "forward-listening", address: { host: "localhost", port } }),
    );
    await listener.close();
    expect(await codeOf(visit({ host: "127.0.0.1", port }))).toBe("ECONNREFUSED");
    // The address is free immediately.
    expect(await client.listen({ port })).toMatchObject({ port });
    await client.close();
  });

  it("and answers a client that ends its output first", async () => {
    const { client } = await tunnel();
    const listener = await client.listen({ port: 0 });
    const socket = await visit({ host: "127.0.0.1", port: listener.port });
    socket.end("question");
    const stream = await firstOf(listener);
    let said = "";
    stream.on("data", (chunk: Buffer) => {
      said += chunk.toString();
    });
    await once(stream, "end");
    expect(said).toBe("question");
    stream.end("answer");
    expect(await text(socket)).toBe("answer");
    await client.close();
  });

  it.each([
    ["127.0.0.1", "::1"],
    ["::1", "127.0.0.1"],
  ])("not on a port in use on %s, and then does not bind %s either", async (host, other) => {
    const { taken, port } = await takePort(host, other);
    const { client, server } = await tunnel();
    expect(await codeOf(client.listen({ port }))).toBe("forward-denied");
    expect(await codeOf(visit({ host: other, port }))).toBe("ECONNREFUSED");
    taken.close();
    expect(await codeOf(client.listen({ port: server.address.port }))).toBe("forward-denied");
    await client.close();
  });

  it.each([
    ["no", "localhost", ["127.0.0.1", "::1"]],
    ["no", "", ["127.0.0.1", "::1"]],
    ["no", "*", ["127.0.0.1", "::1"]],
    ["no", "0.0.0.0", ["127.0.0.1", "::1"]],
    ["no", "127.0.0.1", ["127.0.0.1"]],
    ["no", "::1", ["::1"]],
    ["yes", "localhost", ["127.0.0.1", "127.0.0.2", "::1"]],
    ["yes", "127.0.0.1", ["127.0.0.1", "127.0.0.2", "::1"]],
    ["clientspecified", "", ["127.0.0.1", "127.0.0.2", "::1"]],
    ["clientspecified", "*", ["127.0.0.1", "127.0.0.2", "::1"]],
    ["clientspecified", "0.0.0.0", ["127.0.0.1", "127.0.0.2"]],
    ["clientspecified", "localhost", ["127.0.0.1", "::1"]],
    ["clientspecified", "127.0.0.2", ["127.0.0.2"]],
  ] as const)("with gatewayPorts %s and host %j on %j", async (gatewayPorts, host, expected) => {
    expect(await answering(gatewayPorts, host)).toEqual(expected);
  });

  it("on all addresses for *, which our client sends as an empty host, without a lookup", async () => {
    const listener = await listenAddresses(
      { host: "*", port: 0 },
      "clientspecified",
      names({}),
      (duplex: Duplex) => void duplex.close(),
    );
    for (const host of ["127.0.0.1", "127.0.0.2", "::1"]) (await visit({ host, port: listener.port! })).destroy();
    await listener.close();
  });

  it("with gatewayPorts clientspecified and :: only on IPv6 addresses, if the runtime supports it", async () => {
    const probe = createServer();
    await new Promise<void>((resolve) => probe.listen({ host: "::", port: 0, ipv6Only: true }, resolve));
    const { port } = probe.address() as AddressInfo;
    // Deno ignores ipv6Only.
    const isSeparate = (await codeOf(visit({ host: "127.0.0.1", port }).then((one) => one.destroy()))) !== "no error";
    probe.close();
    expect(await answering("clientspecified", "::")).toEqual(isSeparate ? ["::1"] : ["127.0.0.1", "127.0.0.2", "::1"]);
  });

  it("on names whose lookups leave room for the names of `permitOpen`", async () => {
    const asked: string[] = [];
    const lookup: Lookup = (host) => {
      asked.push(host);
      return new Promise(() => {});
    };
    const permitOpen = ["listed.example.org:80", "*:*"];
    const { listen } = tcpForwarding({ permitOpen, gatewayPorts: "clientspecified", lookup });
    const over = new AbortController();
    const listens = Array.from({ length: 160 }, (_, i) => {
      const client = { user: `user${i % 4}`, factors: [], remoteAddress: `192.0.2.${i % 4}`, forcedCommand: undefined };
      const context = { ...client, signal: over.signal, accept: () => {} } as unknown as ListenContext;
      return codeOf(Promise.resolve(listen!({ host: `slow${i}.example.org`, port: 0 }, context)));
    });
    await until(() => asked.length > 0);
    expect(asked).toHaveLength(32);
    over.abort(new SshError("aborted", "the test is over"));
    expect(new Set(await Promise.all(listens))).toEqual(new Set(["aborted"]));
  });

  it("only on permitted addresses", async () => {
    const { client, events } = await tunnel({ permitListen: ["localhost:0", "1234"] });
    expect(await codeOf(client.listen({ port: 1235 }))).toBe("forward-denied");
    expect(await codeOf(client.listen({ host: "", port: 0 }))).toBe("forward-denied");
    await client.listen({ port: 0 });
    expect(reasons(events)).toHaveLength(2);
    await client.close();
  });

  it("on a Unix socket with mode 0600, which it removes", async () => {
    const folder = await temporaryFolder();
    const path = join(folder, "app.sock");
    const { client } = await tunnel({ permitListen: [path] });
    const listener = await client.listen({ path });
    expect((await lstat(path)).mode & 0o777).toBe(0o600);
    const socket = await visit({ path });
    void exchange(await firstOf(listener), "to the visitor");
    expect(await text(socket)).toBe("to the visitor");
    await listener.close();
    expect(await codeOf(lstat(path))).toBe("ENOENT");
    expect(await codeOf(client.listen({ path: `${path}2` }))).toBe("forward-denied");
    await client.close();
  });

  it("without replacing an existing file or removing another program's file", async () => {
    const path = join(await temporaryFolder(), "app.sock");
    await writeFile(path, "precious");
    const { client } = await tunnel({ permitListen: [path] });
    expect(await codeOf(client.listen({ path }))).toBe("forward-denied");
    expect((await lstat(path)).isFile()).toBe(true);
    await rm(path);
    const listener = await client.listen({ path });
    await rm(path);
    await writeFile(path, "precious");
    await chmod(path, 0o644);
    await listener.close();
    expect((await lstat(path)).isFile()).toBe(true);
    await client.close();
  });
});

describe("the end of an SSH connection", () => {
  it("closes every socket and listener, also those being opened", async () => {
    const path = socketPath(await temporaryFolder(), "app.sock");
    const target = await serve(() => {});
    const lookup = names({ "127.0.0.1": ["127.0.0.1"], "silent.example.org": ["192.0.2.1"] });
    const check = await watchResources();
    const { client, server } = await tunnel({
      ...LOCAL,
      permitOpen: ["*:*", "127.0.0.1:*"],
      permitListen: ["*", path],
      lookup,
    });
    const { port = 0 } = await client.listen({ port: 0 });
    await client.listen({ path });
    const failed: Promise<unknown>[] = [];
    for (let i = 0; i < 20; i++) {
      const dialled = await client.dial({ host: "127.0.0.1", port: target.port });
      failed.push(once(dialled, "error"));
    }
    const visitors = await Promise.all(Array.from({ length: 5 }, () => visit({ host: "127.0.0.1", port })));
    const pending = codeOf(client.dial({ host: "silent.example.org", port: 80 }));
    const [connection] = server.connections;
    await connection?.close();
    // On Windows, a client that is about to write may see the end of the socket before it reads why.
    const codes = isWindows() ? ["disconnected", "connection-lost"] : ["disconnected"];
    expect(codes).toContain(await pending);
    for (const [error] of (await Promise.all(failed)) as [SshError][]) expect(codes).toContain(error.code);
    expect(await codeOf(visit({ host: "127.0.0.1", port }))).toBe("ECONNREFUSED");
    expect(await codeOf(lstat(path))).toBe("ENOENT");
    for (const visitor of visitors) visitor.resume();
    await until(() => visitors.every(({ closed }) => closed));
    await client.close();
    await server.close();
    await target.close();
    expect(await check()).toEqual([]);
  });

  it("discards buffered data for a target that does not read", async () => {
    const target = await serve((socket) => socket.pause());
    const { client, server } = await tunnel(LOCAL);
    const stream = await client.dial({ host: "127.0.0.1", port: target.port });
    stream.on("error", () => {});
    while (stream.write(Buffer.alloc(65_536)));
    await until(() => server.connections.length === 1);
    const [connection] = server.connections;
    await connection?.close();
    expect(target.sockets).toHaveLength(1);
    expect(await connection?.ended).toBeInstanceOf(SshError);
    await client.close();
  });
});

describe("many connections", () => {
  it("are served concurrently, and one above the limit is refused", async () => {
    const target = await serve(echo);
    const { client } = await tunnel({ ...LOCAL, connectTimeout: 60_000 });
    const streams = await Promise.all(
      Array.from({ length: 224 }, () => client.dial({ host: "127.0.0.1", port: target.port })),
    );
    expect(await codeOf(client.dial({ host: "127.0.0.1", port: target.port }))).toBe("forward-limit");
    const answers = await Promise.all(streams.map((stream, index) => exchange(stream, `${index}`)));
    expect(answers).toEqual(streams.map((_, index) => `echo ${index}`));
    await client.close();
  });
});
