import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { expectError } from "@nacre/testing/errors";
import { expect, test } from "vitest";
import { createGateway, formatEvent, type GatewayEvent, type GatewayOptions } from "../src/index.ts";
import {
  closedOf,
  echo,
  ORIGIN,
  Page,
  pageSocket,
  pattern,
  refusedWith,
  startGateway,
  tcpServer,
  ticketFor,
} from "./support.ts";

test.each<[string, unknown]>([
  ["no origins", { allow: [] }],
  ["no destinations", { origins: [] }],
  ["an origin that is not a string", { origins: [1], allow: [] }],
  ["a switch that is text, such as one from the environment", { origins: [], allow: [], allowInsecure: "false" }],
  ["a lookup that is not a function", { origins: [], allow: [], lookup: "dns" }],
  ["an authorization that is not a function", { origins: [], allow: [], authorize: true }],
  ["a log that is an object", { origins: [], allow: [], log: console }],
  ["a proxy that is not in an array", { origins: [], allow: [], trustedProxies: "192.0.2.1" }],
  ["tickets that are nothing", { origins: [], allow: [], tickets: null }],
  ["an address that is a URL object", { origins: [], allow: [], address: new URL("wss://a.example/ssh") }],
  ["an unknown option", { origins: [], allow: [], origin: ORIGIN }],
  ["a limit out of its range", { origins: [], allow: [], limits: { maxConnections: 0 } }],
  ["a longer time to connect than timers wait for", { origins: [], allow: [], limits: { connectTimeout: 2 ** 31 } }],
  ["a longer time for the store than timers wait for", { origins: [], allow: [], limits: { storeTimeout: 2 ** 31 } }],
  ["an unknown limit", { origins: [], allow: [], limits: { maxConections: 5 } }],
  ["a path without a slash", { origins: [], allow: [], path: "ssh" }],
  ["a path with a query", { origins: [], allow: [], ticketPath: "/ssh?ticket" }],
  ["an origin as a path", { origins: [], allow: [], metricsPath: "https://a.example/metrics" }],
  ["a plain destination that is not allowed", { origins: [], allow: [], plain: "ssh.example.org:22" }],
  ["an invalid proxy address", { origins: [], allow: [], trustedProxies: ["proxy.example.org"] }],
])("createGateway refuses %s", (_, options) => {
  expectError("usage", () => createGateway(options as GatewayOptions));
});

test("relays plain WebSockets to the destination of `plain`", async () => {
  const { port } = await tcpServer(echo);
  const place = `127.0.0.1:${port}`;
  const { url, event, gateway } = await startGateway({ allow: [place], plain: place });
  for (const protocols of [["binary"], ["binary", "nacre.v0"], []]) {
    const ws = pageSocket(url, {}, protocols);
    await once(ws, "open");
    expect(ws.protocol).toBe(protocols[0] ?? "");
    let received = Buffer.alloc(0);
    ws.on("message", (data: Buffer) => (received = Buffer.concat([received, data])));
    ws.send(pattern(60_000));
    ws.send(pattern(60_000));
    while (received.length < 120_000) await once(ws, "message");
    expect(received.equals(Buffer.concat([pattern(60_000), pattern(60_000)]))).toBe(true);
    ws.close();
  }
  expect(await event("opened", 3)).toMatchObject({ plain: true });
  expect(await event("closed", 3)).toMatchObject({ bytesUp: 120_000, bytesDown: 120_000 });
  expect(gateway.connections).toBe(0);
});

test("prefers its own subprotocol to plain bytes", async () => {
  const { port } = await tcpServer(echo);
  const { url, gateway } = await startGateway({ allow: [`127.0.0.1:${port}`], plain: `127.0.0.1:${port}` });
  const ws = pageSocket(url, {}, ["binary", "nacre.v1"]);
  await once(ws, "open");
  expect(ws.protocol).toBe("nacre.v1");
  await new Page(url, { ticket: await ticketFor(gateway, port), port }).opened;
});

test("plain: the WebSocket closes after the destination's last bytes, or with destination-unreachable if nothing listens there", async () => {
  const { port } = await tcpServer((socket) => socket.end(pattern(300_000)));
  const { url } = await startGateway({ allow: [`127.0.0.1:${port}`], plain: `127.0.0.1:${port}` });
  const ws = pageSocket(url, {}, ["binary"]);
  let length = 0;
  ws.on("message", (data: Buffer) => (length += data.length));
  expect(await closedOf(ws)).toEqual({ code: 1000, reason: "finished" });
  expect(length).toBe(300_000);
  const gone = await startGateway({ allow: ["127.0.0.1:1"], plain: "127.0.0.1:1" });
  expect(await closedOf(pageSocket(gone.url, {}, ["binary"]))).toMatchObject({ reason: "destination-unreachable" });
});

test("plain: each side is read no faster than the other accepts", async () => {
  let written = 0;
  const { port, sockets } = await tcpServer((socket) => {
    const block = Buffer.alloc(65_536);
    const more = (): void => {
      do written += block.length;
      while (written < 64 * 1024 * 1024 && socket.write(block));
    };
    socket.on("drain", more);
    more();
  });
  const { url, gateway, event } = await startGateway({ allow: [`127.0.0.1:${port}`], plain: `127.0.0.1:${port}` });
  const held = (): number => Number(/buffered_bytes (\d+)/.exec(gateway.metrics())![1]);
  const ws = pageSocket(url, {}, ["binary"]);
  await once(ws, "open");
  ws.pause();
  await event("opened");
  // The destination does not read either, so the buffers of both directions fill up.
  const block = Buffer.alloc(65_536);
  let isStuck = false;
  for (let i = 0; i < 1000 && !isStuck; i++) {
    ws.send(block);
    await new Promise((resolve) => setImmediate(resolve));
    isStuck = ws.bufferedAmount > 8 * 1024 * 1024;
    expect(held()).toBeLessThan(1024 * 1024);
  }
  expect(isStuck).toBe(true);
  expect(written).toBeLessThan(32 * 1024 * 1024);
  expect(sockets.size).toBe(1);
});

test("`close` refuses new connections, gives open ones the grace time, then closes them and leaves nothing open", async () => {
  const { port, sockets } = await tcpServer(echo);
  const { gateway, url, event, server } = await startGateway({ allow: [`127.0.0.1:${port}`] });
  const page = new Page(url, { ticket: await ticketFor(gateway, port), port });
  const stays = new Page(url, { ticket: await ticketFor(gateway, port), port });
  const parked = new Page(url, { ticket: await ticketFor(gateway, port), port });
  const silent = pageSocket(url);
  await Promise.all([page.opened, stays.opened, parked.opened, once(silent, "open")]);
  parked.lose();
  await event("parked");
  const endings = [silent, stays.ws].map((ws) => closedOf(ws));
  const closing = gateway.close({ grace: 5000 });
  expect(await refusedWith(pageSocket(url))).toBe(503);
  page.write(pattern(1000));
  page.end();
  await page.finished;
  await closing;
  expect(await Promise.all(endings)).toEqual([
    { code: 1001, reason: "shutdown" },
    { code: 1001, reason: "shutdown" },
  ]);
  expect(gateway.connections).toBe(0);
  expect(server.listenerCount("upgrade")).toBe(0);
  while (sockets.size > 0) await once([...sockets][0]!, "close");
  expectError("closed", () => gateway.attach(server));
});

test("a second `close` without grace ends open connections immediately", async () => {
  const { port } = await tcpServer(echo);
  const { gateway, url } = await startGateway({ allow: [`127.0.0.1:${port}`] });
  const page = new Page(url, { ticket: await ticketFor(gateway, port), port });
  await page.opened;
  const closing = gateway.close({ grace: 1_000_000 });
  const closed = page.closeName();
  await gateway.close();
  expect(await closed).toBe("shutdown");
  await closing;
});

test("serves metrics at `metricsPath`, and none by default", async () => {
  const { port } = await tcpServer(echo);
  const {
    gateway,
    url,
    port: at,
    event,
  } = await startGateway({ allow: [`127.0.0.1:${port}`], metricsPath: "/metrics" });
  const page = new Page(url, { ticket: await ticketFor(gateway, port), port });
  await page.opened;
  page.write(pattern(1000));
  page.end();
  await page.finished;
  await event("closed");
  expect(await new Page(url, { ticket: "", port }).closeName()).toBe("ticket-refused");
  const response = await fetch(`http://127.0.0.1:${at}/metrics`);
  expect(response.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
  const text = await response.text();
  for (const line of [
    'opened_total{mode="tunnel"} 1',
    'closed_total{reason="finished"} 1',
    'refused_total{reason="ticket-refused"} 1',
    'bytes_total{direction="up"} 1000',
    "connections 0",
    "buffered_bytes 0",
  ])
    expect(text).toContain(`nacre_gateway_${line}\n`);
  expect(text).toMatch(/^(?:#.*\n|nacre_gateway_\w+(?:\{\w+="[\w-]+"\})? \d+\n)+$/);
  const without = await startGateway();
  expect((await fetch(`http://127.0.0.1:${without.port}/metrics`)).status).toBe(404);
});

test("refuses to serve metrics to another host, as a page that rebinds its name would ask", async () => {
  const { port } = await startGateway({ metricsPath: "/metrics" });
  const one = request({ host: "127.0.0.1", port, path: "/metrics", headers: { host: "evil.example" } }).end();
  const [response] = (await once(one, "response")) as [IncomingMessage];
  expect(response.statusCode).toBe(421);
  expect((await response.toArray()).join("")).toBe("");
});

test("an event is one line of printable ASCII, as text and as JSON, regardless of the client's text", () => {
  const peer = { connection: 7, remoteAddress: "192.0.2.1", origin: 'https://a"\n\u001B[2J' };
  const closed: GatewayEvent = {
    type: "closed",
    ...peer,
    host: "2001:db8::1",
    port: 22,
    user: "alice",
    reason: "finished",
    detail: "",
    bytesUp: 5,
    bytesDown: 6,
    milliseconds: 1234,
    resumed: 2,
  };
  const events: GatewayEvent[] = [
    { type: "opened", ...peer, host: "h", port: 22, address: "8.8.8.8", user: "al\u202Eice", plain: true },
    { type: "parked", ...peer, bytes: 5 },
    { type: "resumed", ...peer },
    { type: "rejected", ...peer, reason: "ticket-refused", detail: "x\r\ny" },
    { type: "refused", remoteAddress: "192.0.2.1", origin: undefined, route: "ticket", reason: "csrf", detail: "" },
    closed,
  ];
  for (const event of events) {
    for (const kind of ["text", "json"] as const) expect(formatEvent(event, kind, new Date(0))).toMatch(/^[ -~]+$/);
    expect(JSON.parse(formatEvent(event, "json", new Date(0)))).toMatchObject({ event: event.type });
  }
  expect(formatEvent(closed, "text", new Date(0))).toBe(
    "1970-01-01T00:00:00.000Z [7] 192.0.2.1 closed [2001:db8::1]:22: finished; up 5, down 6 bytes in 1.2 s, resumed 2 times",
  );
});
