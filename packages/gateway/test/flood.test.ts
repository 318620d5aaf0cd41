import { once } from "node:events";
import { collectGarbage } from "@nacre/testing/garbage";
import { expect, onTestFinished, test } from "vitest";
import WebSocket from "ws";
import { echo, ORIGIN, Page, pattern, type Started, startGateway, tcpServer, ticketFor } from "./support.ts";

// Floods of WebSockets that send nothing, from many addresses of 127.0.0.0/8. `npm run soak` has a larger one, with a clock.

const CLIENTS = 100;
const EACH = 6;

/** Address of a client, from 127.1.0.0 on. */
function addressOf(client: number): string {
  return `127.1.${client >> 8}.${client & 0xff}`;
}

/** Opens a WebSocket and sends nothing. Resolves to whether it opened; the gateway may close it later. */
async function silent(url: string, localAddress: string): Promise<boolean> {
  const options = { origin: ORIGIN, perMessageDeflate: false, localAddress };
  const ws = new WebSocket(url, ["nacre.v1"], options);
  onTestFinished(() => ws.terminate());
  return new Promise((resolve) => {
    ws.on("open", () => resolve(true));
    ws.on("error", () => resolve(false));
    ws.on("unexpected-response", (_, response) => {
      response.destroy();
      resolve(false);
    });
  });
}

/** Lets each client open `EACH` WebSockets at the same time. Resolves to how many opened, per client, and after how many seconds. */
async function flood({ url }: Started): Promise<{ opened: number[]; seconds: number }> {
  const began = performance.now();
  const clients = Array.from({ length: CLIENTS }, async (_, client) => {
    const sockets = Array.from({ length: EACH }, () => silent(url, addressOf(client)));
    return (await Promise.all(sockets)).filter(Boolean).length;
  });
  return { opened: await Promise.all(clients), seconds: (performance.now() - began) / 1000 };
}

function gauge({ gateway }: Started, name: string): number {
  return Number(new RegExp(`nacre_gateway_${name} (\\d+)`).exec(gateway.metrics())![1]);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, one) => total + one, 0);
}

/** Number of open TCP connections of this process. */
function connections(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
}

test("a flood of silent WebSockets is limited to the rates of each client and in total", async () => {
  const perClient = await startGateway({ limits: { maxNewPerSecondPerClient: 2 } });
  const each = await flood(perClient);
  for (const opened of each.opened) {
    expect(opened).toBeGreaterThanOrEqual(2);
    expect(opened).toBeLessThanOrEqual(2 * (1 + each.seconds));
  }
  const total = await startGateway({ limits: { maxNewPerSecond: 150 } });
  const all = await flood(total);
  expect(sum(all.opened)).toBeGreaterThanOrEqual(150);
  expect(sum(all.opened)).toBeLessThanOrEqual(150 * (1 + all.seconds));
  const refused = CLIENTS * EACH - sum(all.opened);
  expect(total.events.filter((one) => one.type === "refused" && one.reason === "rate")).toHaveLength(refused);
  // 1,200 handshakes are slow on a busy machine.
}, 120_000);

test("a flood of silent WebSockets keeps at most maxPending open, a client with a ticket connects, and everything is released", async () => {
  const { port } = await tcpServer(echo);
  const limits = { maxPending: 50, firstMessageTimeout: 3000 };
  const before = connections();
  const started = await startGateway({ allow: [`127.0.0.1:${port}`], limits });
  let most = 0;
  const watch = setInterval(() => (most = Math.max(most, gauge(started, "pending"))), 1);
  onTestFinished(() => clearInterval(watch));
  expect(sum((await flood(started)).opened)).toBe(CLIENTS * EACH);
  const page = new Page(started.url, { ticket: await ticketFor(started.gateway, port), port });
  page.write(pattern(1000));
  await page.receives(1000);
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(50);
  await started.event("rejected", CLIENTS * EACH);
  const reasons = started.events.map((one) => one.type === "rejected" && one.reason);
  const tooMany = reasons.filter((reason) => reason === "too-many").length;
  const late = reasons.filter((reason) => reason === "first-message-timeout").length;
  expect(tooMany).toBeGreaterThan(0);
  expect(late).toBeGreaterThan(0);
  expect(tooMany + late).toBe(CLIENTS * EACH);
  page.end();
  await page.finished;
  await expect.poll(() => gauge(started, "clients"), { timeout: 10_000 }).toBe(0);
  await expect.poll(connections, { timeout: 10_000 }).toBe(before);
  expect([gauge(started, "pending"), started.gateway.connections]).toEqual([0, 0]);
}, 120_000);

test("a flood leaves no memory behind", async () => {
  const { port } = await tcpServer(echo);
  const started = await startGateway({ allow: [`127.0.0.1:${port}`], limits: { maxPending: 50 }, log: () => {} });
  const used = async (): Promise<number> => {
    await expect.poll(() => gauge(started, "clients"), { timeout: 10_000 }).toBe(0);
    await collectGarbage();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const visits = async (): Promise<void> => {
    for (let visit = 0; visit < 100; visit++) {
      const ws = new WebSocket(started.url, ["nacre.v1"], { origin: ORIGIN, localAddress: addressOf(visit) });
      await once(ws, "open");
      const closed = once(ws, "close");
      ws.terminate();
      await closed;
    }
  };
  await visits();
  await visits();
  const before = await used();
  for (let i = 0; i < 5; i++) await visits();
  // A gateway that kept the record of a client, an arrival or a WebSocket would keep kilobytes of each of 500.
  await expect.poll(async () => (await used()) - before, { timeout: 30_000 }).toBeLessThan(500 * 1024);
}, 120_000);
