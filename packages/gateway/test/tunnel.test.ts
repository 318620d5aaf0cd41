import { createHash } from "node:crypto";
import { once } from "node:events";
import type { Socket } from "node:net";
import { encodeTunnelMessage } from "@nacre/tunnel";
import { expect, test } from "vitest";
import WebSocket from "ws";
import { echo, Page, pageSocket, pattern, startGateway, tcpServer, ticketFor } from "./support.ts";

test("carries bytes both ways, ends each direction on its own, and closes with 1000", async () => {
  const { port, sockets } = await tcpServer(echo);
  const { gateway, url, events, event } = await startGateway({ allow: [`127.0.0.1:${port}`] });
  const page = new Page(url, { ticket: await ticketFor(gateway, port), port });
  expect(await page.opened).toMatchObject({ address: "", resumeTime: 300_000 });
  page.write(pattern(300_000));
  page.end();
  const closed = page.closed();
  await page.finished;
  expect(await closed).toEqual({ code: 1000, reason: "finished" });
  expect(page.received.equals(pattern(300_000))).toBe(true);
  expect(await event("closed")).toMatchObject({
    reason: "finished",
    bytesUp: 300_000,
    bytesDown: 300_000,
    host: "127.0.0.1",
    port,
    resumed: 0,
  });
  expect(events.map(({ type }) => type)).toEqual(["opened", "closed"]);
  expect(gateway.connections).toBe(0);
  while (sockets.size > 0) await once([...sockets][0]!, "close");
});

test("moves 64 MiB each way unchanged", async () => {
  const { port } = await tcpServer(echo);
  const { gateway, url } = await startGateway({ allow: [`127.0.0.1:${port}`] });
  const page = new Page(url, { ticket: await ticketFor(gateway, port), port });
  await page.opened;
  const block = pattern(1024 * 1024);
  const sent = createHash("sha256");
  for (let i = 0; i < 64; i++) {
    sent.update(block);
    page.write(block);
    await page.receives((i - 3) * block.length);
  }
  await page.receives(64 * block.length);
  expect(createHash("sha256").update(page.received).digest("hex")).toBe(sent.digest("hex"));
  // Slow on a busy machine.
}, 120_000);

test("reads no more from the destination than the client consumes", async () => {
  let written = 0;
  const { port } = await tcpServer((socket) => {
    const block = Buffer.alloc(65_536);
    const more = (): void => {
      do written += block.length;
      while (socket.write(block));
    };
    socket.on("drain", more);
    more();
  });
  const { gateway, url } = await startGateway({ allow: [`127.0.0.1:${port}`] });
  const page = new Page(url, { ticket: await ticketFor(gateway, port), port });
  page.consumes = false;
  await page.opened;
  await page.receives(1024 * 1024);
  const metric = (): number => Number(/buffered_bytes (\d+)/.exec(gateway.metrics())![1]);
  expect(metric()).toBeGreaterThanOrEqual(1024 * 1024);
  expect(metric()).toBeLessThan(1.5 * 1024 * 1024);
  page.consumeHeld();
  page.consumes = true;
  await page.receives(20 * 1024 * 1024);
  expect(metric()).toBeLessThan(4.5 * 1024 * 1024);
  expect(written).toBeGreaterThan(20 * 1024 * 1024);
});

test("closes with destination-lost, after the destination's last bytes, if the destination resets the connection", async () => {
  const { port } = await tcpServer((socket) => {
    socket.write("last words", () => socket.once("data", () => socket.resetAndDestroy()));
  });
  const { gateway, url, event } = await startGateway({ allow: [`127.0.0.1:${port}`] });
  const page = new Page(url, { ticket: await ticketFor(gateway, port), port });
  await page.receives(10);
  page.write(pattern(1));
  expect(await page.closeName()).toBe("destination-lost");
  expect(page.received.toString()).toBe("last words");
  expect(await event("closed")).toMatchObject({ reason: "destination-lost", detail: "ECONNRESET" });
});

test("sends everything that the destination sent before it failed, even if the WebSocket was full", async () => {
  const sent = pattern(500_000);
  const { port, sockets } = await tcpServer((socket) => socket.write(sent));
  const { gateway, server, url, event } = await startGateway({ allow: [`127.0.0.1:${port}`] });
  server.once("connection", (socket: Socket) =>
    socket.once("data", () => {
      // From the request for the WebSocket on, the gateway's socket passes nothing to the system.
      setImmediate(() => socket.cork());
    }),
  );
  const accepted = once(server, "connection") as Promise<[Socket]>;
  const page = new Page(url, { ticket: await ticketFor(gateway, port), port });
  await event("opened");
  await expect.poll(() => gateway.metrics(), { timeout: 10_000 }).toContain('bytes_total{direction="down"} 500000\n');
  for (const socket of sockets) socket.resetAndDestroy();
  expect(await event("closed")).toMatchObject({ reason: "destination-lost" });
  const closed = page.closeName();
  const [webSocket] = await accepted;
  while (webSocket.writableCorked > 0) webSocket.uncork();
  expect(await closed).toBe("destination-lost");
  expect(page.received.equals(sent)).toBe(true);
});

test("the destination receives the last bytes of a client that closes", async () => {
  const received: Buffer[] = [];
  const { port, sockets } = await tcpServer((socket) => socket.on("data", (chunk: Buffer) => received.push(chunk)));
  const { gateway, url, event } = await startGateway({ allow: [`127.0.0.1:${port}`] });
  const page = new Page(url, { ticket: await ticketFor(gateway, port), port });
  await page.opened;
  const [socket] = sockets;
  const ended = once(socket!, "end");
  page.write(pattern(1_000_000));
  page.ws.close(1000);
  expect(await event("closed")).toMatchObject({ reason: "client-closed", detail: "code 1000" });
  await ended;
  expect(Buffer.concat(received).equals(pattern(1_000_000))).toBe(true);
});

test.each([
  ["a text message", "text", "protocol-error"],
  ["a first message other than OPEN and ATTACH", encodeTunnelMessage({ type: "end" }), "protocol-error"],
  ["an unknown message", Uint8Array.of(99), "protocol-error"],
  [
    "a first message of more than 4 KiB",
    encodeTunnelMessage({ type: "open", ticket: "x".repeat(5000), host: "a", port: 1 }),
    "protocol-error",
  ],
])("closes on %s", async (_, message, reason) => {
  const { url, event } = await startGateway();
  const ws = pageSocket(url);
  await once(ws, "open");
  ws.send(message);
  const [, closed] = (await once(ws, "close")) as [number, Buffer];
  expect(closed.toString()).toBe(reason);
  expect(await event("rejected")).toMatchObject({ reason });
  expect(ws.readyState).toBe(WebSocket.CLOSED);
});

test("a violation of the tunnel protocol ends an open tunnel", async () => {
  const { port } = await tcpServer(echo);
  const { gateway, url, event } = await startGateway({ allow: [`127.0.0.1:${port}`] });
  for (const message of [encodeTunnelMessage({ type: "acknowledge", consumed: 5 }), "\u0007data as text"]) {
    const page = new Page(url, { ticket: await ticketFor(gateway, port), port });
    await page.opened;
    page.ws.send(message);
    expect(await page.closeName()).toBe("protocol-error");
  }
  expect(await event("closed", 2)).toMatchObject({ reason: "protocol-error" });
  expect(gateway.connections).toBe(0);
});
