import { once } from "node:events";
import { Socket } from "node:net";
import { encodeTunnelMessage } from "@nacre/tunnel";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { Gateway, GatewayOptions } from "../src/index.ts";
import { frame, rawSocket, rawWebSocket, readClose, readExactly, readHead } from "./raw-web-socket.ts";
import { closedOf, echo, Page, pageSocket, pattern, startGateway, stopClock, tcpServer, ticketFor } from "./support.ts";

/** Starts a destination, a gateway in front of it, and a page with an open tunnel. */
async function opened(onSocket: (socket: Socket) => void, options: Partial<GatewayOptions> = {}) {
  const { port, sockets } = await tcpServer(onSocket);
  const started = await startGateway({ allow: [`127.0.0.1:${port}`], ...options });
  const page = new Page(started.url, { ticket: await ticketFor(started.gateway, port), port });
  await page.opened;
  return { ...started, page, port, sockets };
}

/** Resolves when a socket is closed, also after an error. */
async function closing(socket: Socket): Promise<void> {
  if (!socket.closed) await new Promise((resolve) => socket.once("close", resolve));
}

/** Resolves when all TCP connections of a server are closed. */
async function allClosed(sockets: ReadonlySet<Socket>): Promise<void> {
  await Promise.all([...sockets].map((socket) => closing(socket)));
}

/** Resolves when the gateway has no TCP connection with the destination any more, even if the destination keeps its side open. */
async function released(gateway: Gateway): Promise<void> {
  // Closing waits for the sockets of all connections. By this clock, the four seconds after which it destroys the rest never pass.
  stopClock();
  await gateway.close();
}

const BLOCK = pattern(65_536);

/** Sends as fast as the gateway reads. */
const flood = (socket: Socket): void => {
  const more = (): void => {
    while (socket.write(BLOCK));
  };
  socket.on("drain", more);
  more();
};

/** Returns the bytes that all connections buffer. */
const buffered = (metrics: string): number => Number(/buffered_bytes (\d+)/.exec(metrics)![1]);

describe("a client that ends its direction", () => {
  test("still receives everything that the destination sends afterwards", async () => {
    const { page, event, sockets } = await opened((socket) => {
      socket.resume();
      socket.on("end", () => socket.end(pattern(300_000)));
    });
    page.write(pattern(1000));
    page.end();
    await page.finished;
    expect(page.received.equals(pattern(300_000))).toBe(true);
    expect(await event("closed")).toMatchObject({ reason: "finished", bytesUp: 1000, bytesDown: 300_000 });
    await allClosed(sockets);
  });

  test("is ended by idleTimeout if the destination never ends its own", async () => {
    const { page, event, sockets, gateway } = await opened((socket) => socket.resume(), {
      limits: { idleTimeout: 500 },
    });
    page.end();
    expect(await page.closeName()).toBe("idle-timeout");
    expect(await event("closed")).toMatchObject({ reason: "idle-timeout" });
    expect([gateway.connections, sockets.size]).toEqual([0, 1]);
    await released(gateway);
  });
});

describe("a destination that ends its direction", () => {
  test("still receives everything that the client sends afterwards", async () => {
    const received: Buffer[] = [];
    const { page, event, sockets } = await opened((socket) => {
      socket.end("bye");
      socket.on("data", (chunk: Buffer) => received.push(chunk));
    });
    const [socket] = sockets;
    await page.receives(3);
    page.write(pattern(300_000));
    const ended = once(socket!, "end");
    page.end();
    await Promise.all([page.finished, ended]);
    expect(Buffer.concat(received).equals(pattern(300_000))).toBe(true);
    expect(await event("closed")).toMatchObject({ reason: "finished", bytesUp: 300_000, bytesDown: 3 });
    await allClosed(sockets);
  });

  test("is closed by idleTimeout if the client never ends its own", async () => {
    const { page, event, sockets, gateway } = await opened((socket) => socket.resume().end("bye"), {
      limits: { idleTimeout: 500 },
    });
    const closed = page.closeName();
    await page.receives(3);
    expect(await closed).toBe("idle-timeout");
    expect(await event("closed")).toMatchObject({ reason: "idle-timeout" });
    await allClosed(sockets);
    expect(gateway.connections).toBe(0);
  });

  test("ends a plain connection, even if the client does not close its side", async () => {
    const { port, sockets } = await tcpServer((socket) => socket.end("bye"));
    const place = `127.0.0.1:${port}`;
    const { server, event, ...started } = await startGateway({ allow: [place], plain: place });
    const accepted = once(server, "connection") as Promise<[Socket]>;
    const client = rawWebSocket(started, { "Sec-WebSocket-Protocol": "binary" });
    await readHead(client);
    expect((await readExactly(client, 5)).toString("latin1")).toBe("\x82\x03bye");
    expect(await readClose(client)).toBe(1000);
    expect(await event("closed")).toMatchObject({ reason: "finished" });
    await allClosed(sockets);
    await closing((await accepted)[0]);
  });
});

describe("a client whose TCP connection ends without a close frame", () => {
  test("leaves nothing open, neither before its request nor before its first message", async () => {
    const { server, gateway, event, ...started } = await startGateway();
    const accepted: Socket[] = [];
    server.on("connection", (socket: Socket) => accepted.push(socket));
    rawSocket(started).end();
    rawSocket(started).end("GET /ssh HTTP/1.1\r\n");
    const silent = rawWebSocket(started);
    await readHead(silent);
    expect(gateway.metrics()).toContain("nacre_gateway_pending 1\n");
    silent.end();
    expect(await event("rejected")).toMatchObject({ reason: "lost" });
    await allClosed(new Set(accepted));
    expect(accepted).toHaveLength(3);
    expect(gateway.metrics()).toContain("nacre_gateway_pending 0\n");
  });

  test("loses its WebSocket, but not its tunnel", async () => {
    const { port, sockets } = await tcpServer(echo);
    const { server, gateway, event, ...started } = await startGateway({
      allow: [`127.0.0.1:${port}`],
      limits: { resumeTime: 100 },
    });
    const accepted = once(server, "connection") as Promise<[Socket]>;
    const client = rawWebSocket(started);
    await readHead(client);
    const ticket = await ticketFor(gateway, port);
    client.write(frame(2, encodeTunnelMessage({ type: "open", ticket, host: "127.0.0.1", port })));
    await event("opened");
    client.end();
    await closing((await accepted)[0]);
    await event("parked");
    expect(await event("closed")).toMatchObject({ reason: "resume-timeout" });
    await allClosed(sockets);
    expect(gateway.connections).toBe(0);
  });

  test("ends a plain connection after its last bytes", async () => {
    const received: Buffer[] = [];
    const { port, sockets } = await tcpServer((socket) => socket.on("data", (chunk: Buffer) => received.push(chunk)));
    const place = `127.0.0.1:${port}`;
    const { gateway, event, ...started } = await startGateway({ allow: [place], plain: place });
    const client = rawWebSocket(started, { "Sec-WebSocket-Protocol": "binary" });
    await readHead(client);
    client.end(frame(2, pattern(60_000)));
    expect(await event("closed")).toMatchObject({ reason: "client-closed", bytesUp: 60_000 });
    for (const socket of sockets) socket.end();
    await allClosed(sockets);
    expect(Buffer.concat(received).equals(pattern(60_000))).toBe(true);
    expect(gateway.connections).toBe(0);
  });
});

describe("a peer that does not read", () => {
  test("loses its WebSocket for want of pongs, and its tunnel after resumeTime", async () => {
    const { port, sockets } = await tcpServer(flood);
    const { gateway, event, ...started } = await startGateway({
      allow: [`127.0.0.1:${port}`],
      limits: { pingInterval: 400, resumeTime: 50 },
    });
    const client = rawWebSocket(started);
    await readHead(client);
    const ticket = await ticketFor(gateway, port);
    client.write(frame(2, encodeTunnelMessage({ type: "open", ticket, host: "127.0.0.1", port })));
    await event("opened");
    const parked = await event("parked");
    // The tunnel's first send buffer is 1 MiB.
    expect((parked as { bytes: number } & typeof parked).bytes).toBeLessThan(1.5 * 1024 * 1024);
    expect(await event("closed")).toMatchObject({ reason: "resume-timeout" });
    await allClosed(sockets);
    expect([gateway.connections, buffered(gateway.metrics())]).toEqual([0, 0]);
  });

  test("is ended for want of pongs on a plain WebSocket", async () => {
    const { port, sockets } = await tcpServer(flood);
    const place = `127.0.0.1:${port}`;
    const { gateway, event, ...started } = await startGateway({
      allow: [place],
      plain: place,
      limits: { pingInterval: 400 },
    });
    await readHead(rawWebSocket(started, { "Sec-WebSocket-Protocol": "binary" }));
    await event("opened");
    expect(buffered(gateway.metrics())).toBeLessThan(1024 * 1024);
    expect(await event("closed")).toMatchObject({ reason: "client-closed", detail: "the WebSocket was lost" });
    await allClosed(sockets);
    expect([gateway.connections, buffered(gateway.metrics())]).toEqual([0, 0]);
  });

  test("holds back a client if it is the destination, and is ended by idleTimeout", async () => {
    const { page, gateway, event } = await opened((socket) => socket.pause(), { limits: { idleTimeout: 2000 } });
    // Enough to fill the buffers of the system as well.
    for (let i = 0; i < 512; i++) page.write(BLOCK);
    let most = 0;
    const watch = setInterval(() => (most = Math.max(most, buffered(gateway.metrics()))), 5);
    onTestFinished(() => clearInterval(watch));
    expect(await event("closed")).toMatchObject({ reason: "idle-timeout" });
    expect(most).toBeGreaterThan(1024 * 1024);
    // A client sends at most 4 MiB that are not acknowledged.
    expect(most).toBeLessThan(4.5 * 1024 * 1024);
    expect([gateway.connections, buffered(gateway.metrics())]).toEqual([0, 0]);
    await released(gateway);
  });
});

test("a destination that never reads a client's last bytes loses its socket", async () => {
  const { page, gateway, event } = await opened((socket) => socket.pause());
  // More than the buffers of the system take.
  for (let i = 0; i < 512; i++) page.write(BLOCK);
  await expect.poll(() => buffered(gateway.metrics()), { timeout: 20_000 }).toBeGreaterThan(0);
  // The gateway gives up after five seconds; here after 50 milliseconds.
  const spy = vi.spyOn(Socket.prototype, "setTimeout").mockImplementation(function (this: Socket, time, callback) {
    const timer = setTimeout(() => callback?.call(this), time / 100);
    this.once("close", () => clearTimeout(timer));
    return this;
  });
  onTestFinished(() => spy.mockRestore());
  page.ws.close(1000);
  expect(await event("closed")).toMatchObject({ reason: "client-closed" });
  await released(gateway);
});

test("a connection counts until its destination has read a client's last bytes", async () => {
  const { page, gateway, event, sockets } = await opened((socket) => socket.pause());
  // More than the buffers of the system take.
  for (let i = 0; i < 512; i++) page.write(BLOCK);
  await expect.poll(() => buffered(gateway.metrics()), { timeout: 20_000 }).toBeGreaterThan(0);
  page.ws.close(1000);
  expect(await event("closed")).toMatchObject({ reason: "client-closed" });
  expect(gateway.connections).toBe(1);
  expect(buffered(gateway.metrics())).toBeGreaterThan(0);
  for (const socket of sockets) socket.resume();
  await expect.poll(() => [gateway.connections, buffered(gateway.metrics())], { timeout: 10_000 }).toEqual([0, 0]);
});

test("a shutdown ends peers that do not answer the close frame", async () => {
  const { port, sockets } = await tcpServer((socket) => socket.pause());
  const { server, gateway, event, ...started } = await startGateway({ allow: [`127.0.0.1:${port}`] });
  const accepted: Socket[] = [];
  server.on("connection", (socket: Socket) => accepted.push(socket));
  const silent = rawWebSocket(started);
  await readHead(silent);
  const client = rawWebSocket(started);
  await readHead(client);
  const ticket = await ticketFor(gateway, port);
  client.write(frame(2, encodeTunnelMessage({ type: "open", ticket, host: "127.0.0.1", port })));
  await event("opened");
  const closed = closedOf(pageSocket(`ws://127.0.0.1:${started.port}/ssh`));
  await expect.poll(() => gateway.metrics(), { timeout: 10_000 }).toContain("nacre_gateway_pending 2\n");
  await gateway.close();
  expect(await closed).toEqual({ code: 1001, reason: "shutdown" });
  expect(await readClose(silent)).toBe(1001);
  expect(accepted.map(({ destroyed }) => destroyed)).toEqual([true, true, true]);
  expect(sockets.size).toBe(1);
});
