import { once } from "node:events";
import type { Socket } from "node:net";
import { expect, test } from "vitest";
import { Clients } from "../src/clients.ts";
import type { GatewayOptions } from "../src/index.ts";
import { frame, rawWebSocket, readHead } from "./raw-web-socket.ts";
import {
  closedOf,
  echo,
  Page,
  pageSocket,
  pattern,
  refusedWith,
  type Started,
  startGateway,
  stopClock,
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

test("a violation of RFC 6455 ends an open tunnel, which cannot be resumed then", async () => {
  const { open, event, url } = await withEcho();
  const page = await open();
  await page.opened;
  page.ws.send(Buffer.alloc(65_537));
  expect(await closedOf(page.ws)).toMatchObject({ code: 1009 });
  expect(await event("closed")).toMatchObject({ reason: "protocol-error" });
  expect(await page.attach(url)).toBe("tunnel-unknown");
});

test("closes a WebSocket that sends no first message, or no proof, after firstMessageTimeout", async () => {
  const { open, url, event } = await withEcho({ limits: { firstMessageTimeout: 2000 } });
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

test("gives the ticket store storeTimeout, also if firstMessageTimeout ends earlier", async () => {
  const values = new Map<string, string>();
  const { open } = await withEcho({
    limits: { firstMessageTimeout: 100 },
    tickets: {
      put: (key, value) => void values.set(key, value),
      // Longer than the timeout and a check of it.
      take: async (key) => {
        await new Promise((resolve) => setTimeout(resolve, 500));
        return values.get(key);
      },
      delete() {},
    },
  });
  expect(await (await open()).refused()).toBe("opened");
});

test("closes the oldest silent WebSocket above maxPending, so that a client with a ticket connects", async () => {
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

test.each(["maxConnections", "maxConnectionsPerClient"] as const)("refuses connections above %s", async (limit) => {
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
  "refuses new WebSockets above %s",
  async (limit) => {
    const { url, event } = await startGateway({ limits: { [limit]: 2 } });
    stopClock();
    for (let i = 0; i < 2; i++) await once(pageSocket(url), "open");
    expect(await refusedWith(pageSocket(url))).toBe(429);
    expect(await event("refused")).toMatchObject({ reason: "rate" });
  },
);

test("refuses ticket requests above the rate", async () => {
  const { port } = await startGateway({ limits: { maxNewPerSecondPerClient: 1 } });
  stopClock();
  const url = `http://127.0.0.1:${port}/ssh/ticket`;
  expect((await fetch(url)).status).toBe(200);
  expect((await fetch(url)).status).toBe(429);
});

const BOUNDS = {
  maxConnections: 3,
  maxConnectionsPerClient: 2,
  maxNewPerSecond: 1000,
  maxNewPerSecondPerClient: 1,
  maxParkedBytes: 100,
  maxParkedBytesPerClient: 60,
};

test("limits each client and the total, recovers rates with time, and forgets idle clients", () => {
  const clients = new Clients(BOUNDS, 0);
  expect([
    clients.mayBegin("a", 0, false),
    clients.mayBegin("a", 999, false),
    clients.mayBegin("b", 999, false),
  ]).toEqual([true, false, true]);
  expect(clients.mayBegin("a", 1000, false)).toBe(true);
  expect(["a", "a", "a", "b", "b"].map((client) => clients.add(client, 0))).toEqual([true, true, false, true, false]);
  clients.remove("a");
  clients.remove("a");
  clients.sweep(10_000);
  expect(clients.size).toBe(1);
  for (let i = 0; i < 70_000; i++) clients.mayBegin(`c${i}`, 10_000, false);
  expect(clients.size).toBe(65_537);
  expect(clients.connections).toBe(1);
});

test("limits the refused requests of all clients together, at a rate of their own", () => {
  const clients = new Clients({ ...BOUNDS, maxNewPerSecond: 1 }, 0);
  expect([clients.mayBegin("a", 0, true), clients.mayBegin("b", 0, true)]).toEqual([true, false]);
  expect([clients.mayBegin("b", 0, false), clients.mayBegin("c", 0, false)]).toEqual([true, false]);
});

test("parked bytes of one client are at most its limit and half of what the others leave", () => {
  const clients = new Clients({ ...BOUNDS, maxConnections: 5, maxParkedBytes: 1000, maxParkedBytesPerClient: 400 }, 0);
  const most = (client: string): number => {
    clients.add(client, 0);
    let bytes = 0;
    while (clients.park(client, 1)) bytes++;
    return bytes;
  };
  expect(["a", "b", "c", "d"].map((client) => most(client))).toEqual([400, 300, 150, 75]);
  clients.add("e", 0);
  expect(clients.park("e", 37)).toBe(true);
  clients.unpark("a", 400);
  expect(clients.park("d", 100)).toBe(true);
  expect(clients.parkedBytes).toBe(300 + 150 + 75 + 37 + 100);
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
  const { open, url, event } = await withEcho({ limits: { pingInterval: 500 } });
  const page = await open();
  await page.opened;
  await once(page.ws, "ping");
  page.ws.pause();
  await event("parked");
  expect(await page.attach(url)).toBe("attached");
  page.write(pattern(10));
  await page.receives(10);
});

test("at maxBufferedBytes, each connection buffers only its share and still makes progress", async () => {
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

test("ends the WebSocket of a client that reads no pong, above maxUnreadPongs", async () => {
  const { server, event, ...started } = await startGateway({ limits: { maxUnreadPongs: 5 } });
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const client = rawWebSocket(started);
  await readHead(client);
  // From here on the gateway's socket passes nothing to the system.
  (await accepted)[0].cork();
  const ping = frame(9, Buffer.alloc(125));
  client.write(Buffer.concat([ping, ping, ping, ping, ping]));
  client.write(ping);
  expect(await event("rejected")).toMatchObject({ reason: "lost" });
});

test("at maxBufferedBytes, a tunnel whose destination takes nothing is not read beyond its share", async () => {
  let arrived = 0;
  const { port: target, sockets } = await tcpServer((socket) => socket.pause());
  const { gateway, server, url } = await startGateway({
    allow: [`127.0.0.1:${target}`],
    limits: { maxBufferedBytes: 65_536 },
  });
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const page = new Page(url, { ticket: await ticketFor(gateway, target), port: target });
  await page.opened;
  const total = 32 * 1024 * 1024;
  // More than the buffers of the system take.
  page.write(Buffer.alloc(total));
  const [webSocket] = await accepted;
  await expect.poll(() => webSocket.isPaused(), { timeout: 20_000 }).toBe(true);
  expect(Number(/buffered_bytes (\d+)/.exec(gateway.metrics())![1])).toBeLessThan(256 * 1024);
  const [destination] = sockets;
  destination!.on("data", (chunk: Buffer) => (arrived += chunk.length)).resume();
  await expect.poll(() => arrived, { timeout: 60_000 }).toBe(total);
  // 32 MiB are slow on a busy machine.
}, 120_000);

test("a message that arrives before the connection is open ends it, and nothing remains open", async () => {
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
