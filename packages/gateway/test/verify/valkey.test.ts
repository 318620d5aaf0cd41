import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@nacre/testing/free-port";
import { expect, onTestFinished, test } from "vitest";
import { type ConnectedTicketStore, connectTicketStore } from "../../src/redis.ts";
import { echo, Page, startGateway, tcpServer, ticketFor } from "../support.ts";

/** Starts Debian's valkey-server on a free port, killed after the test. Resolves to its URL. */
async function valkey(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "nacre-valkey-"));
  const port = await freePort();
  const args = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder];
  const child = spawn("valkey-server", args, { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(async () => {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
    await rm(folder, { recursive: true, force: true });
  });
  let said = "";
  for await (const chunk of child.stdout.setEncoding("utf8") as AsyncIterable<string>) {
    said += chunk;
    if (said.includes("Ready to accept")) break;
  }
  return `redis://127.0.0.1:${port}`;
}

async function store(url: string): Promise<ConnectedTicketStore> {
  const connected = await connectTicketStore(url);
  onTestFinished(() => connected.close());
  return connected;
}

test("two gateways share tickets in Valkey, and each ticket is valid once, at either gateway", async () => {
  const url = await valkey();
  const { port } = await tcpServer(echo);
  const allow = [`127.0.0.1:${port}`];
  const one = await startGateway({ allow, tickets: await store(url), address: "wss://one.example/ssh" });
  const two = await startGateway({ allow, tickets: await store(url), address: "wss://two.example/ssh" });
  const ticket = await ticketFor(one.gateway, port);
  const page = new Page(two.url, { ticket, port });
  await page.opened;
  expect(await new Page(one.url, { ticket, port }).closeName()).toBe("ticket-refused");
  page.lose();
  await two.event("parked");
  expect(await page.attach(one.url)).toBe("resume-elsewhere");
  expect(await page.attach(two.url)).toBe("attached");
});

test("only one of 100 pages that present the same ticket to two gateways at once connects", async () => {
  const url = await valkey();
  const { port, sockets } = await tcpServer(echo);
  const common = { allow: [`127.0.0.1:${port}`], limits: { maxNewPerSecondPerClient: 200 } };
  const gateways = [
    await startGateway({ ...common, tickets: await store(url) }),
    await startGateway({ ...common, tickets: await store(url) }),
  ] as const;
  const ticket = await ticketFor(gateways[0].gateway, port);
  const pages = Array.from({ length: 100 }, (_, i) => new Page(gateways[i % 2]!.url, { ticket, port }));
  const ends = await Promise.all(pages.map((page) => page.refused()));
  expect(ends.filter((end) => end === "opened")).toHaveLength(1);
  expect(ends.filter((end) => end === "ticket-refused")).toHaveLength(99);
  expect(sockets.size).toBe(1);
  expect(gateways[0].gateway.connections + gateways[1].gateway.connections).toBe(1);
});

test("only one of 100 concurrent calls of `take` with the same key returns the value", async () => {
  const url = await valkey();
  const stores = [await store(url), await store(url)];
  await stores[0]!.put("key", "value", 30_000);
  const taken = await Promise.all(Array.from({ length: 100 }, async (_, i) => stores[i % 2]!.take("key")));
  expect(taken.filter((value) => value === "value")).toHaveLength(1);
  expect(taken.filter((value) => value === undefined)).toHaveLength(99);
});

test("Valkey forgets a ticket when it expires or is revoked", async () => {
  const tickets = await store(await valkey());
  await tickets.put("short", "value", 1);
  await expect.poll(() => tickets.take("short"), { timeout: 10_000 }).toBeUndefined();
  await tickets.put("revoked", "value", 30_000);
  await tickets.delete("revoked");
  expect(await tickets.take("revoked")).toBeUndefined();
});

test("rejects immediately if no server listens at the address", async () => {
  await expect(connectTicketStore(`redis://127.0.0.1:${await freePort()}`)).rejects.toMatchObject({
    code: "ECONNREFUSED",
  });
});
