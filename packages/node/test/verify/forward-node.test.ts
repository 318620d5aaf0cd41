import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, get, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { join } from "node:path";
import type { Duplex as NodeDuplex, Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { freePort } from "@nacre/testing/free-port";
import { digestOf, MIB, randomData } from "@nacre/testing/interop/data";
import { useServer, within } from "@nacre/testing/interop/server";
import type { ClientConfig } from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { httpAgent, undiciConnect } from "../../src/http.ts";
import type { Forward } from "../../src/index.ts";
import { certificate } from "../forward/certificate.ts";
import { answerAfterEnd, ask, connectLocally, errorCodes } from "../forward/support.ts";
import { leavesNothing } from "../interop/support/resources.ts";
import { later, serve, temporaryFolder } from "../support.ts";
import { type Postgres, PostgresClient, startPostgres } from "./support/postgres.ts";

const server = useServer();
const at = ({ port }: { readonly port: number }): { host: string; port: number } => ({ host: "127.0.0.1", port });

/** SOCKS 4: CONNECT to a port of 127.0.0.1; the reply has eight bytes. */
const socks4 = (port: number): Buffer => Buffer.from([4, 1, port >> 8, port & 255, 127, 0, 0, 1, 0]);

/** A nonexistent path in the container's file system. */
const remotePath = (): string => `/tmp/nacre-${process.pid}-${Math.random().toString(36).slice(2)}.sock`;

const curl = (proxy: readonly string[], forward: Forward, url: string): Promise<string> =>
  new Promise((resolve) =>
    execFile("curl", ["-sS", "-m", "30", ...proxy, `127.0.0.1:${forward.port}`, url], (_, stdout, stderr) =>
      resolve(stdout + stderr),
    ),
  );

const echo = (): ReturnType<typeof serve> => serve((socket) => void socket.pipe(socket));

/** Runs queries, one of them with many rows, over a given stream or to a port. */
async function query(way: Pick<ClientConfig, "stream" | "host" | "port">, count = 20_000): Promise<void> {
  const client = new PostgresClient({ ...way, user: "postgres", database: "postgres" });
  await client.connect();
  const { rows } = await client.query("SELECT $1::text AS greeting", ["hello"]);
  expect(rows).toEqual([{ greeting: "hello" }]);
  const many = await client.query("SELECT i, repeat('x', 1000) AS filler FROM generate_series(1, $1::int) AS i", [
    count,
  ]);
  expect(many.rowCount).toBe(count);
  await client.end();
}

describe("each kind of forward", () => {
  test("forwardLocal carries a connection, each direction with its own end", async () => {
    const target = await serve(answerAfterEnd);
    await using ssh = await server.connect();
    await using forward = await ssh.forwardLocal({ port: 0 }, at(target));
    expect(await ask(connectLocally(forward), "hello")).toBe("got hello");
  });

  test("forwardRemote connects to its target before it confirms the channel, and rejects the channel if that fails", async () => {
    const target = await serve(answerAfterEnd);
    await using ssh = await server.connect();
    const { codes, onError } = errorCodes();
    await using forward = await ssh.forwardRemote({ port: 0 }, at(target), { onError });
    expect(forward).toMatchObject({ host: "localhost", port: expect.any(Number), path: undefined });
    expect(await ask(connectLocally(forward), "hello")).toBe("got hello");
    await target.close();
    expect(await ask(connectLocally(forward), "hello").catch(() => "broken")).not.toContain("got");
    expect(codes).toEqual(["forward-unreachable"]);
  });

  test("forwards to and from Unix sockets on the server", async () => {
    const path = remotePath();
    const folder = await temporaryFolder();
    await serve(answerAfterEnd, join(folder, "target.sock"));
    await using ssh = await server.connect();
    await using back = await ssh.forwardRemote({ path }, { path: join(folder, "target.sock") });
    expect(back).toMatchObject({ host: undefined, port: undefined, path });
    await using forward = await ssh.forwardLocal({ path: join(folder, "forward.sock") }, { path });
    expect(await ask(connectLocally(forward), "hello")).toBe("got hello");
    await expect.poll(() => [forward.connections, back.connections], { timeout: 10_000 }).toEqual([0, 0]);
  });

  test("close removes the remote listener", async () => {
    await using ssh = await server.connect();
    // A port that no other program gets meanwhile.
    const forward = await ssh.forwardRemote({ port: await freePort() }, { host: "127.0.0.1", port: 9 });
    await forward.close();
    const [error] = (await once(connectLocally(forward), "error")) as [NodeJS.ErrnoException];
    expect(error.code).toBe("ECONNREFUSED");
    await using again = await ssh.forwardRemote({ port: forward.port! }, { host: "127.0.0.1", port: 9 });
    expect(again.port).toBe(forward.port);
  });
});

describe("curl through a proxy", () => {
  let port: number;
  beforeAll(async () => {
    const web = createServer((request, response) => response.end(`hello from ${request.headers.host}`));
    web.listen(0, "127.0.0.1");
    await once(web, "listening");
    ({ port } = web.address() as AddressInfo);
    return () => void web.close();
  });

  const proxies = [
    ["--socks5-hostname"],
    ["-4", "--socks5"],
    ["--socks4a"],
    ["--socks4"],
    ["--proxytunnel", "--proxy"],
  ] as const;

  test.for(proxies)("forwardDynamic: %s", async (proxy) => {
    await using ssh = await server.connect();
    await using forward = await ssh.forwardDynamic({ port: 0 });
    expect(await curl(proxy, forward, `http://localhost:${port}/`)).toBe(`hello from localhost:${port}`);
    expect(await curl(proxy, forward, "http://localhost:1/")).toMatch(/^curl: \((97|56)\)/);
    expect(await curl(proxy, forward, `http://localhost:${port}/`)).toBe(`hello from localhost:${port}`);
  });

  test.for(proxies)("forwardRemoteDynamic: %s", async (proxy) => {
    await using ssh = await server.connect();
    await using forward = await ssh.forwardRemoteDynamic({ port: 0 });
    expect(await curl(proxy, forward, `http://localhost:${port}/`)).toBe(`hello from localhost:${port}`);
    expect(await curl(proxy, forward, "http://localhost:1/")).toMatch(/^curl: \((97|56)\)/);
  });

  test("http.request through httpAgent", async () => {
    await using ssh = await server.connect();
    const agent = httpAgent(ssh, { host: "127.0.0.1", port }, { keepAlive: true });
    for (let i = 0; i < 3; i++) {
      const [response] = (await once(get("http://intranet/", { agent }), "response")) as [IncomingMessage];
      expect(await text(response)).toBe("hello from intranet");
    }
    agent.destroy();
  });
});

test("fetch through undiciConnect, over http and https", async () => {
  const servers = [createServer(), createHttpsServer(certificate)];
  for (const one of servers)
    one.on("request", (_, response: ServerResponse) => response.end("hello")).listen(0, "127.0.0.1");
  await Promise.all(servers.map((one) => once(one, "listening")));
  const [http, https] = servers.map((one) => (one.address() as AddressInfo).port);
  // This is the Agent class used by Node's fetch. It is loaded on first access to a fetch class.
  expect(new Headers()).toBeDefined();
  const { constructor: Agent } = Reflect.get(globalThis, Symbol.for("undici.globalDispatcher.1")) as {
    readonly constructor: new (options: object) => { close(): Promise<void> };
  };
  await using ssh = await server.connect();
  const dispatcher = new Agent({ connect: undiciConnect(ssh, undefined, { ca: certificate.cert }) });
  for (const url of [`http://localhost:${http}/`, `http://localhost:${http}/`, `https://localhost:${https}/`])
    expect(await (await fetch(url, { dispatcher } as RequestInit)).text()).toBe("hello");
  const failed = await fetch("http://localhost:2/", { dispatcher } as RequestInit).catch((error: Error) => error.cause);
  expect(failed).toMatchObject({ code: "forward-unreachable" });
  await dispatcher.close();
  for (const one of servers) one.close().closeAllConnections();
});

describe("200 connections at once", () => {
  const COUNT = 200;

  /** Opens all connections, waits for an answer on each, and then ends them. */
  async function hold(forward: Forward, request: string | Buffer, reply: number): Promise<void> {
    const sockets = Array.from({ length: COUNT }, () => connectLocally(forward));
    await Promise.all(
      sockets.map(async (socket, i) => {
        socket.write(request);
        let head = Buffer.alloc(0);
        while (head.length < reply) head = Buffer.concat([head, (await once(socket, "data"))[0] as Buffer]);
        socket.write(`number ${i}`);
        while (!head.subarray(reply).toString().endsWith(`number ${i}`))
          head = Buffer.concat([head, (await once(socket, "data"))[0] as Buffer]);
      }),
    );
    expect(forward.connections).toBe(COUNT);
    for (const socket of sockets) socket.end();
    await Promise.all(sockets.map(async (socket) => socket.closed || once(socket.resume(), "close")));
  }

  test("forwardLocal", async () => {
    await using ssh = await server.connect();
    const { codes, onError } = errorCodes();
    await using forward = await ssh.forwardLocal({ port: 0 }, at(await echo()), { onError });
    await hold(forward, "", 0);
    expect(codes).toEqual([]);
    expect((await ssh.exec("echo on")).stdout).toBe("on\n");
  });

  test("forwardRemote", async () => {
    await using ssh = await server.connect();
    const { codes, onError } = errorCodes();
    await using forward = await ssh.forwardRemote({ port: 0 }, at(await echo()), { onError });
    await hold(forward, "", 0);
    expect(codes).toEqual([]);
  });

  test("forwardDynamic", async () => {
    await using ssh = await server.connect();
    const { codes, onError } = errorCodes();
    const { port } = await echo();
    await using forward = await ssh.forwardDynamic({ port: 0 }, { onError });
    await hold(forward, socks4(port), 8);
    expect(codes).toEqual([]);
  });
});

// Minutes on a busy machine.
describe("many bytes", { timeout: 300_000 }, () => {
  const block = randomData(16 * MIB);

  /** Returns the length and digest of so many blocks. */
  function expected(count: number): { readonly length: number; readonly sha256: string } {
    const hash = createHash("sha256");
    for (let i = 0; i < count; i++) hash.update(block);
    return { length: count * block.length, sha256: hash.digest("hex") };
  }

  async function send(stream: NodeDuplex, count: number): Promise<void> {
    for (let i = 0; i < count; i++) if (!stream.write(block)) await once(stream, "drain");
    stream.end();
  }

  test.for([
    ["up", "256 MiB", 16],
    ["down", "1 GiB", 64],
  ] as const)("%s through forwardLocal, %s arrive unchanged", async ([direction, , count]) => {
    const digest = later<unknown>();
    const target = await serve((socket) => {
      socket.allowHalfOpen = true;
      if (direction === "up") void digestOf(socket).then(digest.resolve);
      else void send(socket, count);
    });
    await using ssh = await server.connect();
    await using forward = await ssh.forwardLocal({ port: 0 }, at(target));
    const socket = connectLocally(forward);
    if (direction === "up") void send(socket, count);
    else void digestOf(socket as Readable).then(digest.resolve);
    expect(await digest.promise).toEqual(expected(count));
  });

  test("256 MiB up through forwardRemote arrive unchanged", async () => {
    const digest = later<unknown>();
    const target = await serve((socket) => void digestOf(socket).then(digest.resolve));
    await using ssh = await server.connect();
    await using forward = await ssh.forwardRemote({ port: 0 }, at(target));
    void send(connectLocally(forward), 16);
    expect(await digest.promise).toEqual(expected(16));
  });
});

test("a stalled target buffers no more than the windows, and does not block other connections", async () => {
  const stalled = later<Socket>();
  const target = await serve((socket) => stalled.resolve(socket.pause()));
  const other = await serve(answerAfterEnd);
  await using ssh = await server.connect();
  await using forward = await ssh.forwardLocal({ port: 0 }, at(target));
  await using fast = await ssh.forwardLocal({ port: 0 }, at(other));
  const before = process.memoryUsage().arrayBuffers;
  const socket = connectLocally(forward);
  const block = new Uint8Array(MIB);
  let sent = 0;
  // Wait until the client's socket accepts no more data for half a second.
  for (let moving = true; moving && sent < 512; sent++) {
    if (!socket.write(block))
      moving = await Promise.race([once(socket, "drain").then(() => true), delay(500).then(() => false)]);
  }
  expect(sent).toBeLessThan(64);
  // What holds data stays; the rest is collected.
  const held = (): number => process.memoryUsage().arrayBuffers - before;
  await expect.poll(held, { timeout: 20_000 }).toBeLessThan(24 * MIB);
  expect(await ask(connectLocally(fast), "hello")).toBe("got hello");
});

test("killing the server ends every forward and its connections, and leaves nothing open", async () => {
  const target = await serve((socket) => void socket.on("data", () => {}));
  await leavesNothing(async () => {
    const ssh = await server.connect();
    const forwards = [
      await ssh.forwardLocal({ port: 0 }, at(target)),
      await ssh.forwardRemote({ port: 0 }, at(target)),
      await ssh.forwardDynamic({ port: 0 }),
    ];
    const sockets = forwards.map((forward) => connectLocally(forward));
    const opened = ssh.socket(at(target));
    const failed = once(opened.resume(), "error");
    const ends = sockets.map((socket) =>
      within(
        20_000,
        text(socket).catch(() => "broken"),
      ),
    );
    await expect.poll(() => forwards.map(({ connections }) => connections), { timeout: 10_000 }).toEqual([1, 1, 1]);
    // The process that serves this connection runs as alice.
    void ssh.exec("kill -KILL $PPID").catch(() => {});
    expect((await ssh.ended).code).toBe("connection-lost");
    expect((await failed)[0]).toMatchObject({ code: "connection-lost" });
    await within(20_000, Promise.all(forwards.map((forward) => forward.close())));
    await Promise.all(ends);
    expect(forwards.map(({ connections }) => connections)).toEqual([0, 0, 0]);
    await ssh.close();
    for (const socket of target.sockets) socket.destroy();
  });
});

describe("PostgreSQL with pg", () => {
  let postgres: Postgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres[Symbol.asyncDispose]());

  test("over client.socket, to a port", async () => {
    await using ssh = await server.connect();
    await query({ stream: () => ssh.socket(at(postgres)) });
  });

  test("over client.socket, to a Unix socket on the server that forwards here", async () => {
    const path = remotePath();
    await using ssh = await server.connect();
    await using _back = await ssh.forwardRemote({ path }, { path: postgres.path });
    await query({ stream: () => ssh.socket({ path }) });
  });

  test("over forwardLocal", async () => {
    await using ssh = await server.connect();
    await using forward = await ssh.forwardLocal({ port: 0 }, at(postgres));
    await query({ host: "127.0.0.1", port: forward.port! });
  });

  test("many clients at once over one SSH connection", async () => {
    await using ssh = await server.connect();
    await Promise.all(Array.from({ length: 20 }, () => query({ stream: () => ssh.socket(at(postgres)) }, 1000)));
  });

  test("a failing query and an unreachable server reject", async () => {
    await using ssh = await server.connect();
    const client = new PostgresClient({ stream: () => ssh.socket(at(postgres)), user: "postgres" });
    await client.connect();
    await expect(client.query("SELECT nothing")).rejects.toThrow('column "nothing" does not exist');
    await client.end();
    const nowhere = new PostgresClient({ stream: () => ssh.socket({ host: "127.0.0.1", port: 1 }), user: "postgres" });
    await expect(nowhere.connect()).rejects.toMatchObject({ code: "forward-unreachable" });
  });
});
