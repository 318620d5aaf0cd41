import { createHash } from "node:crypto";
import { once } from "node:events";
import { encodeTunnelMessage } from "@nacre/tunnel";
import { expect, test } from "vitest";
import type { ClientOptions } from "ws";
import type { GatewayOptions } from "../src/index.ts";
import {
  closedOf,
  echo,
  ORIGIN,
  Page,
  pageSocket,
  pattern,
  type Started,
  startGateway,
  tcpServer,
  ticketFor,
} from "./support.ts";

/** Starts a gateway, and a page with an open tunnel to an echo server. */
async function opened(options: Partial<GatewayOptions> = {}): Promise<Started & { page: Page; target: number }> {
  const { port: target } = await tcpServer(echo);
  const started = await startGateway({ allow: [`127.0.0.1:${target}`], ...options });
  const page = new Page(started.url, { ticket: await ticketFor(started.gateway, target), port: target });
  await page.opened;
  return { ...started, page, target };
}

/** Returns the id of a page's tunnel, read from its ATTACH message. */
function idOf(page: Page): Uint8Array {
  page.tunnel.detach();
  page.tunnel.attach();
  const message = page.tunnel.takeMessage(0)!;
  return message.subarray(5, 21);
}

test("a transfer over ten lost WebSockets arrives unchanged", async () => {
  const { page, url, event } = await opened();
  const block = pattern(200_000);
  const sent = createHash("sha256");
  for (let i = 1; i <= 30; i++) {
    sent.update(block);
    page.write(block);
    if (i % 3 === 0) {
      page.lose();
      await event("parked", i / 3);
      expect(await page.attach(url)).toBe("attached");
    }
    await page.receives((i - 2) * block.length);
  }
  page.end();
  await page.finished;
  expect(createHash("sha256").update(page.received).digest("hex")).toBe(sent.digest("hex"));
  expect(await event("closed")).toMatchObject({
    reason: "finished",
    resumed: 10,
    bytesUp: 6_000_000,
    bytesDown: 6_000_000,
  });
});

test("a new WebSocket displaces the old one only after the proof", async () => {
  const { page, url } = await opened();
  const { ws: old } = page;
  const oldClosed = closedOf(old);
  const id = idOf(page);
  const thief = pageSocket(url);
  await once(thief, "open");
  thief.send(encodeTunnelMessage({ type: "attach", id }));
  await once(thief, "message");
  thief.send(encodeTunnelMessage({ type: "prove", received: 0, proof: new Uint8Array(32) }));
  expect(await closedOf(thief)).toEqual({ code: 4405, reason: "proof-refused" });
  expect(old.readyState).toBe(old.OPEN);
  page.tunnel.detach();
  expect(await page.attach(url)).toBe("attached");
  expect(await oldClosed).toEqual({ code: 4409, reason: "displaced" });
  page.write(pattern(100));
  await page.receives(100);
});

test("a displaced WebSocket can no longer send", async () => {
  const { page, url } = await opened();
  const { ws: old } = page;
  // The old page does not see the gateway's close frame yet.
  old.pause();
  expect(await page.attach(url)).toBe("attached");
  const oldClosed = closedOf(old);
  old.send(encodeTunnelMessage({ type: "data", data: Buffer.from("evil") }));
  old.resume();
  // The gateway answers the close frame after it has read the message before it.
  expect(await oldClosed).toMatchObject({ reason: "displaced" });
  page.write(Buffer.from("good"));
  await page.receives(4);
  expect(page.received.toString()).toBe("good");
});

test("a tunnel is resumed only with the same HTTP session and origin", async () => {
  const other = "https://other.example.org";
  const { page, url, event } = await opened({ origins: [ORIGIN, other], sessionOf: ({ headers }) => headers.cookie });
  page.lose();
  await event("parked");
  expect(await page.attach(url, { headers: { cookie: "mallory" } })).toBe("tunnel-unknown");
  expect(await page.attach(url, { origin: other })).toBe("tunnel-unknown");
  expect(await page.attach(url)).toBe("attached");
});

/** Options of a WebSocket that a trusted proxy passes on. */
function behindProxy(address: string): ClientOptions {
  return { headers: { "x-forwarded-for": address } };
}

test("the log names the address from which a tunnel is resumed", async () => {
  const { port } = await tcpServer(echo);
  const { url, gateway, event } = await startGateway({
    allow: [`127.0.0.1:${port}`],
    trustedProxies: ["127.0.0.1"],
    allowInsecure: true,
  });
  const page = new Page(url, { ticket: await ticketFor(gateway, port), port }, behindProxy("192.0.2.1"));
  await page.opened;
  page.lose();
  expect(await event("parked")).toMatchObject({ connection: 1, remoteAddress: "192.0.2.1" });
  expect(await page.attach(url, behindProxy("198.51.100.7"))).toBe("attached");
  expect(await event("resumed")).toMatchObject({ connection: 1, remoteAddress: "198.51.100.7" });
});

test("refuses a tunnel of another gateway with resume-elsewhere, and a tunnel that has ended with tunnel-unknown", async () => {
  const { page, url, gateway, target, event } = await opened({ address: "wss://one.example.org/ssh" });
  expect(await page.opened).toMatchObject({ address: "wss://one.example.org/ssh" });
  const { url: elsewhere } = await startGateway({ address: "wss://two.example.org/ssh" });
  page.lose();
  await event("parked");
  expect(await page.attach(elsewhere)).toBe("resume-elsewhere");
  expect(await page.attach(url)).toBe("attached");
  const ended = new Page(url, { ticket: await ticketFor(gateway, target), port: target });
  await ended.opened;
  ended.ws.close(1000);
  await event("closed");
  expect(await ended.attach(url)).toBe("tunnel-unknown");
});

test.each([undefined, "wss://one.example.org/ssh"])(
  "a restarted gateway says that the tunnels of its earlier run have ended, with the address %s",
  async (address) => {
    const { page, gateway } = await opened({ address });
    await gateway.close();
    const restarted = await startGateway({ address });
    expect(await page.attach(restarted.url)).toBe("tunnel-unknown");
  },
);

test("a parked tunnel counts as a connection, and ends after resumeTime", async () => {
  const { page, gateway, event } = await opened({ limits: { resumeTime: 100 } });
  page.lose();
  await event("parked");
  expect(gateway.connections).toBe(1);
  expect(await event("closed")).toMatchObject({ reason: "resume-timeout" });
  expect(gateway.connections).toBe(0);
});

test("a tunnel is not parked if resuming is off or the page closed it", async () => {
  const off = await opened({ limits: { resumeTime: 0 } });
  off.page.lose();
  expect(await off.event("closed")).toMatchObject({ reason: "client-closed" });
  const gone = await opened();
  gone.page.ws.close(1001);
  expect(await gone.event("closed")).toMatchObject({ reason: "client-closed", detail: "code 1001" });
});

test.each([
  // One client may hold half of it.
  ["maxParkedBytes", 131_072],
  ["maxParkedBytesPerClient", 65_536],
] as const)("a tunnel ends instead of exceeding %s", async (limit, most) => {
  const { port: target } = await tcpServer((socket) => socket.write(pattern(50_000)));
  const { gateway, url, event } = await startGateway({ allow: [`127.0.0.1:${target}`], limits: { [limit]: most } });
  const pages = [];
  for (let i = 0; i < 2; i++) {
    const page = new Page(url, { ticket: await ticketFor(gateway, target), port: target });
    page.consumes = false;
    await page.receives(50_000);
    pages.push(page);
  }
  pages[0]!.lose();
  await event("parked");
  pages[1]!.lose();
  expect(await event("closed")).toMatchObject({ reason: "parked-limit" });
  expect(await event("parked")).toMatchObject({ bytes: 50_000 });
  expect(gateway.connections).toBe(1);
  expect(gateway.metrics()).toContain("parked_bytes 50000\n");
  expect(await pages[0]!.attach(url)).toBe("attached");
  expect(gateway.metrics()).toContain("parked_bytes 0\n");
});

test("a parked tunnel that ends leaves no bytes counted", async () => {
  const { port: target } = await tcpServer((socket) => socket.write(pattern(50_000)));
  const { gateway, url, event } = await startGateway({
    allow: [`127.0.0.1:${target}`],
    limits: { resumeTime: 100 },
  });
  const page = new Page(url, { ticket: await ticketFor(gateway, target), port: target });
  page.consumes = false;
  await page.receives(50_000);
  page.lose();
  expect(await event("parked")).toMatchObject({ bytes: 50_000 });
  await event("closed");
  expect(gateway.metrics()).toContain("parked_bytes 0\n");
  expect(gateway.metrics()).toContain("buffered_bytes 0\n");
});

test("reads nothing from the destination while the tunnel is parked", async () => {
  let written = 0;
  const { port: target } = await tcpServer((socket) => {
    const block = Buffer.alloc(65_536);
    const more = (): void => {
      do written += block.length;
      while (socket.write(block));
    };
    socket.on("drain", more);
    more();
  });
  const { gateway, url, event } = await startGateway({ allow: [`127.0.0.1:${target}`] });
  const page = new Page(url, { ticket: await ticketFor(gateway, target), port: target });
  await page.receives(1_000_000);
  page.lose();
  const parked = await event("parked");
  const { bytes } = parked as Extract<typeof parked, { type: "parked" }>;
  expect(gateway.metrics()).toContain(`buffered_bytes ${bytes}\n`);
  expect(bytes).toBeLessThan(4.5 * 1024 * 1024);
  expect(await page.attach(url)).toBe("attached");
  await page.receives(10_000_000);
});

test("a parked tunnel whose destination is lost ends when it is resumed", async () => {
  const { port: target, sockets } = await tcpServer(echo);
  const { gateway, url, event } = await startGateway({ allow: [`127.0.0.1:${target}`] });
  const page = new Page(url, { ticket: await ticketFor(gateway, target), port: target });
  await page.opened;
  page.lose();
  await event("parked");
  for (const socket of sockets) socket.resetAndDestroy();
  expect(await page.attach(url)).toBe("attached");
  expect(await page.closeName()).toBe("destination-lost");
  expect(await event("closed")).toMatchObject({ reason: "destination-lost" });
});

test("tunnels that one address parks leave room for those of another", async () => {
  const { port: target } = await tcpServer((socket) => socket.write(pattern(50_000)));
  const { gateway, url, event, events } = await startGateway({
    allow: [`127.0.0.1:${target}`],
    limits: { maxParkedBytes: 250_000 },
  });
  const parkFrom = async (localAddress: string, count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const page = new Page(url, { ticket: await ticketFor(gateway, target), port: target }, { localAddress });
      page.consumes = false;
      await page.receives(50_000);
      page.lose();
    }
  };
  await parkFrom("127.1.0.1", 5);
  await event("closed", 3);
  await parkFrom("127.1.0.2", 1);
  await event("parked", 3);
  const shown = events
    .filter(({ type }) => type === "parked")
    .map((one) => "remoteAddress" in one && one.remoteAddress);
  expect(shown).toEqual(["127.1.0.1", "127.1.0.1", "127.1.0.2"]);
});
