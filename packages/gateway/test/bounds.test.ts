import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { Clients } from "../src/clients.ts";
import type { GatewayOptions } from "../src/index.ts";
import {
  closedOf,
  echo,
  ORIGIN,
  Page,
  pageSocket,
  pattern,
  refusedWith,
  type Started,
  startGateway,
  tcpServer,
  ticketFor,
} from "./support.ts";

async function withEcho(
  options: Partial<GatewayOptions> = {},
): Promise<Started & { target: number; open: () => Promise<Page> }> {
  const { port: target } = await tcpServer(echo);
  const started = await startGateway({ allow: [`127.0.0.1:${target}`], ...options });
  const open = async (): Promise<Page> =>
    new Page(started.url, { ticket: await ticketFor(started.gateway, target), port: target });
  return { ...started, target, open };
}

/** Sends the request for a WebSocket on a TCP socket, and returns the socket with the response unread. */
async function rawWebSocket({ port }: Started, change: Record<string, string> = {}): Promise<Socket> {
  const headers = {
    Host: `127.0.0.1:${port}`,
    Origin: ORIGIN,
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
    "Sec-WebSocket-Protocol": "nacre.v1",
    ...change,
  };
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  onTestFinished(() => void socket.destroy());
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`GET /ssh HTTP/1.1\r\n${lines.join("")}\r\n`);
  return socket;
}

async function read(socket: Socket): Promise<Buffer> {
  const [chunk] = (await once(socket, "data")) as [Buffer];
  return chunk;
}

/** Returns a client's WebSocket frame, masked by default. */
function frame(opcode: number, payload: Uint8Array, { masked = true, isLast = true } = {}): Buffer {
  const length = payload.length < 126 ? [payload.length] : [127, 0, 0, 0, 0, ...lengthBytes(payload.length)];
  length[0]! |= masked ? 0x80 : 0;
  // A mask of zeros does not change the payload.
  return Buffer.concat([Buffer.from([(isLast ? 0x80 : 0) | opcode, ...length]), Buffer.alloc(masked ? 4 : 0), payload]);
}

function lengthBytes(length: number): number[] {
  return [length >>> 24, (length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff];
}

test.each<[string, Buffer, number]>([
  ["an unmasked frame", frame(2, Buffer.from("x"), { masked: false }), 1002],
  ["a reserved opcode", frame(3, Buffer.from("x")), 1002],
  ["a message of more than 64 KiB", frame(2, Buffer.alloc(65_537)), 1009],
  ["text that is not UTF-8", frame(1, Buffer.from([0xc3, 0x28])), 1007],
  ["a ping of more than 125 bytes", frame(9, Buffer.alloc(126)), 1002],
  [
    "a message of more than 256 fragments",
    Buffer.concat(Array.from({ length: 300 }, (_, i) => frame(i === 0 ? 2 : 0, Buffer.from("x"), { isLast: false }))),
    1008,
  ],
  ["a compressed frame", Buffer.from([0xc2, 0x80, 0, 0, 0, 0]), 1002],
])("closes on %s as RFC 6455 says", async (_, bytes, code) => {
  const started = await startGateway();
  const socket = await rawWebSocket(started, { "Sec-WebSocket-Extensions": "permessage-deflate" });
  const answer = (await read(socket)).toString();
  expect(answer).toMatch(/^HTTP\/1\.1 101 /);
  expect(answer.toLowerCase()).not.toContain("permessage-deflate");
  socket.write(bytes);
  const closing = await read(socket);
  expect(closing[0]).toBe(0x88);
  expect(closing.readUInt16BE(2)).toBe(code);
  await started.event("rejected");
});

test.each<[string, Record<string, string>]>([
  ["a wrong version", { "Sec-WebSocket-Version": "12" }],
  ["a bad key", { "Sec-WebSocket-Key": "short" }],
])("refuses %s", async (_, change) => {
  const answer = await read(await rawWebSocket(await startGateway(), change));
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 400 /);
});

test("a violation of RFC 6455 in an open tunnel ends it: it cannot be resumed", async () => {
  const { open, event, url } = await withEcho();
  const page = await open();
  await page.opened;
  page.ws.send(Buffer.alloc(65_537));
  expect(await closedOf(page.ws)).toMatchObject({ code: 1009 });
  expect(await event("closed")).toMatchObject({ reason: "protocol-error" });
  expect(await page.attach(url)).toBe("tunnel-unknown");
});

test("a WebSocket without a first message, and one without a proof, end in time", async () => {
  const { open, url, event } = await withEcho({ limits: { firstMessageTimeout: 60 } });
  expect(await closedOf(pageSocket(url))).toEqual({ code: 4408, reason: "first-message-timeout" });
  const page = await open();
  await page.opened;
  page.tunnel.detach();
  page.tunnel.attach();
  const waiting = pageSocket(url);
  await once(waiting, "open");
  waiting.send(page.tunnel.takeMessage(0)!);
  expect(await closedOf(waiting)).toMatchObject({ reason: "first-message-timeout" });
  expect(await event("rejected", 2)).toMatchObject({ reason: "first-message-timeout" });
});

test("too many that send nothing end the oldest of them, and a client with a ticket gets in", async () => {
  const { open, url, event } = await withEcho({ limits: { maxPending: 3 } });
  const silent = [];
  for (let i = 0; i < 3; i++) {
    const ws = pageSocket(url);
    await once(ws, "open");
    silent.push(ws);
  }
  const closed = closedOf(silent[0]!);
  await (await open()).opened;
  expect(await closed).toEqual({ code: 4429, reason: "too-many" });
  expect(silent.slice(1).map(({ readyState }) => readyState)).toEqual([1, 1]);
  expect(await event("rejected")).toMatchObject({ reason: "too-many" });
});

test.each(["maxConnections", "maxConnectionsPerClient"] as const)("refuses one more than %s", async (limit) => {
  const { open, gateway, event } = await withEcho({ limits: { [limit]: 2 } });
  const pages = [await open(), await open()];
  for (const page of pages) await page.opened;
  expect(await (await open()).closeName()).toBe("too-many");
  pages[0]!.ws.close(1000);
  await event("closed");
  await (await open()).opened;
  expect(gateway.connections).toBe(2);
});

test.each(["maxNewPerSecond", "maxNewPerSecondPerClient"] as const)(
  "refuses more new WebSockets than %s",
  async (limit) => {
    const { url, event } = await startGateway({ limits: { [limit]: 2 } });
    for (let i = 0; i < 2; i++) await once(pageSocket(url), "open");
    expect(await refusedWith(pageSocket(url))).toBe(429);
    expect(await event("refused")).toMatchObject({ reason: "rate" });
  },
);

test("refuses more ticket requests than the rate", async () => {
  const { port } = await startGateway({ limits: { maxNewPerSecondPerClient: 1 } });
  const url = `http://127.0.0.1:${port}/ssh/ticket`;
  expect((await fetch(url)).status).toBe(200);
  expect((await fetch(url)).status).toBe(429);
});

test("clients are counted apart, recover with time, and are forgotten", () => {
  const clients = new Clients(
    {
      maxConnections: 3,
      maxConnectionsPerClient: 2,
      maxNewPerSecond: 1000,
      maxNewPerSecondPerClient: 1,
      maxParkedBytes: 100,
      maxParkedBytesPerClient: 60,
    },
    0,
  );
  expect([clients.mayBegin("a", 0), clients.mayBegin("a", 999), clients.mayBegin("b", 999)]).toEqual([
    true,
    false,
    true,
  ]);
  expect(clients.mayBegin("a", 1000)).toBe(true);
  expect(["a", "a", "a", "b", "b"].map((client) => clients.add(client, 0))).toEqual([true, true, false, true, false]);
  expect([clients.park("a", 61), clients.park("a", 60), clients.park("b", 41), clients.park("b", 40)]).toEqual([
    false,
    true,
    false,
    true,
  ]);
  clients.unpark("a", 60);
  clients.remove("a");
  clients.remove("a");
  clients.sweep(10_000);
  expect(clients.size).toBe(1);
  for (let i = 0; i < 70_000; i++) clients.mayBegin(`c${i}`, 10_000);
  expect(clients.size).toBeLessThanOrEqual(65_537);
  expect(clients.connections).toBe(1);
});

test.each([
  ["idleTimeout", { idleTimeout: 80 }, "idle-timeout"],
  ["maxTime", { maxTime: 80 }, "time-limit"],
])("a connection ends after %s", async (_, limits, reason) => {
  const { open, gateway, event } = await withEcho({ limits });
  expect(await (await open()).closeName()).toBe(reason);
  expect(await event("closed")).toMatchObject({ reason });
  expect(gateway.connections).toBe(0);
});

test("a connection ends after maxBytes", async () => {
  const { open, event } = await withEcho({ limits: { maxBytes: 100_000 } });
  const page = await open();
  await page.opened;
  page.write(pattern(60_000));
  expect(await page.closeName()).toBe("byte-limit");
  const { bytesUp, bytesDown } = (await event("closed")) as { bytesUp: number; bytesDown: number } & object as never;
  expect(bytesUp + bytesDown).toBeLessThan(100_000 + 65_536);
});

test("a client that answers no ping loses its WebSocket, and may resume", async () => {
  const { open, url, event } = await withEcho({ limits: { pingInterval: 40 } });
  const page = await open();
  await page.opened;
  await once(page.ws, "ping");
  page.ws.pause();
  await event("parked");
  expect(await page.attach(url)).toBe("attached");
  page.write(pattern(10));
  await page.receives(10);
});

test("full memory makes each connection read only its share, and it still moves", async () => {
  const { port: target } = await tcpServer((socket) => socket.end(pattern(2_000_000)));
  const { gateway, url, event } = await startGateway({
    allow: [`127.0.0.1:${target}`],
    limits: { maxBufferedBytes: 65_536 },
  });
  const pages: Page[] = [];
  for (let i = 0; i < 4; i++) {
    const page = new Page(url, { ticket: await ticketFor(gateway, target), port: target });
    page.consumes = false;
    pages.push(page);
    await page.receives(1);
  }
  const held = (): number => Number(/buffered_bytes (\d+)/.exec(gateway.metrics())![1]);
  expect(held()).toBeLessThanOrEqual(4 * 3 * 65_536);
  for (const page of pages) {
    page.consumes = true;
    page.consumeHeld();
    await page.receives(2_000_000);
    page.end();
    await page.finished;
  }
  await event("closed", 4);
  expect(held()).toBe(0);
});

test("a message while the connection is being opened ends it, and nothing stays", async () => {
  const { gateway, url, target } = await withEcho({
    lookup: () => new Promise(() => {}),
    allow: ["slow.example:22", "127.0.0.1:22"],
  });
  expect(target).toBeGreaterThan(0);
  const page = new Page(url, { ticket: await ticketFor(gateway, 22, "slow.example"), host: "slow.example", port: 22 });
  await once(page.ws, "open");
  page.ws.send("x");
  expect(await page.closeName()).toBe("protocol-error");
  const second = new Page(url, {
    ticket: await ticketFor(gateway, 22, "slow.example"),
    host: "slow.example",
    port: 22,
  });
  await once(second.ws, "open");
  await gateway.close();
  expect(gateway.connections).toBe(0);
});
