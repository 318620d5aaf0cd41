import { once } from "node:events";
import { expect, test } from "vitest";
import { Page, pageSocket, startGateway, tcpServer, ticketFor } from "./support.ts";

test("unacknowledged bytes stay unchanged while other connections are read", async () => {
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

test("several connections that share the read buffer receive their own bytes only", async () => {
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
