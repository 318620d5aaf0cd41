import { once } from "node:events";
import { expect, test } from "vitest";
import { SlabPool } from "../src/slab-pool.ts";
import { Page, pageSocket, startGateway, tcpServer, ticketFor } from "./support.ts";

test("a slab is used again only after each holder has released it", () => {
  const pool = new SlabPool();
  const slab = pool.take();
  slab.hold();
  slab.release();
  expect(pool.free).toBe(0);
  expect(pool.take()).not.toBe(slab);
  slab.release();
  expect(pool.free).toBe(1);
  expect(pool.take()).toBe(slab);
});

test("finds the slab of a message, and returns undefined for other memory", () => {
  const pool = new SlabPool();
  const slab = pool.take();
  expect(pool.of(slab.memory.subarray(1, 10))).toBe(slab);
  expect(pool.of(new Uint8Array(10))).toBeUndefined();
});

test("keeps at most 64 MiB, and frees unused slabs after a few rounds of `trim`", () => {
  const pool = new SlabPool();
  const slabs = Array.from({ length: 1100 }, () => pool.take());
  for (const slab of slabs) slab.release();
  expect(pool.free).toBe(1024);
  pool.trim();
  expect(pool.free).toBe(1024);
  for (let i = 0; i < 11; i++) pool.trim();
  expect(pool.free).toBe(0);
});

test("holds the slab of a message until the WebSocket has sent it", () => {
  const pool = new SlabPool();
  const slab = pool.take();
  const sending: (() => void)[] = [];
  const ws = { sendMessage: (_: Uint8Array, sent?: () => void) => void sending.push(sent!) };
  let isSent = false;
  pool.send(ws, slab.memory.subarray(0, 40_000), () => {
    isSent = true;
  });
  slab.release();
  expect([pool.free, isSent]).toEqual([0, false]);
  sending[0]!();
  expect([pool.free, isSent]).toEqual([1, true]);
});

test("unacknowledged bytes stay unchanged while other connections use the slabs", async () => {
  const { port } = await tcpServer((socket) => {
    socket.once("data", (chunk: Buffer) => socket.write(Buffer.alloc(3_000_000, chunk[0])));
  });
  const { gateway, url, event } = await startGateway({ allow: [`127.0.0.1:${port}`] });
  const open = async (): Promise<Page> => {
    const page = new Page(url, { ticket: await ticketFor(gateway, port), port });
    await page.opened;
    return page;
  };
  const lost = await open();
  lost.ws.pause();
  lost.write(Uint8Array.of(1));
  const held = (): number => Number(/buffered_bytes (\d+)/.exec(gateway.metrics())![1]);
  while (held() < 900_000) await new Promise((resolve) => setTimeout(resolve, 5));
  const other = await open();
  other.write(Uint8Array.of(2));
  await other.receives(3_000_000);
  lost.lose();
  await event("parked");
  expect(await lost.attach(url)).toBe("attached");
  await lost.receives(3_000_000);
  expect(lost.received.equals(Buffer.alloc(3_000_000, 1))).toBe(true);
});

test("several connections that share the slabs receive their own bytes only", async () => {
  const { port } = await tcpServer((socket) => {
    socket.once("data", (chunk: Buffer) => socket.write(Buffer.alloc(3_000_000, chunk[0])));
  });
  const { gateway, url } = await startGateway({ allow: [`127.0.0.1:${port}`], plain: `127.0.0.1:${port}` });
  const pages: Page[] = [];
  for (let i = 1; i <= 4; i++) {
    const page = new Page(url, { ticket: await ticketFor(gateway, port), port });
    await page.opened;
    page.write(Uint8Array.of(i));
    pages.push(page);
  }
  const plain = pageSocket(url, {}, []);
  await once(plain, "open");
  plain.send(Uint8Array.of(9));
  let length = 0;
  let isOwn = true;
  await new Promise<void>((resolve) => {
    plain.on("message", (message: Buffer) => {
      length += message.length;
      isOwn &&= message.every((byte) => byte === 9);
      if (length === 3_000_000) resolve();
    });
  });
  expect(isOwn).toBe(true);
  for (const [i, page] of pages.entries()) {
    await page.receives(3_000_000);
    expect(page.received.equals(Buffer.alloc(3_000_000, i + 1))).toBe(true);
  }
});
