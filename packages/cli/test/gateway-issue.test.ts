import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createGateway, type GatewayEvent, memoryTicketStore, type TicketStore } from "@nacre/gateway";
import { expect, onTestFinished, test } from "vitest";
import { issueRoute } from "../src/gateway/gateway-issue.ts";

const TOKEN = "t".repeat(32);

async function start(
  tickets?: TicketStore,
  events: GatewayEvent[] = [],
): Promise<(init: RequestInit, path?: string) => Promise<Response>> {
  const gateway = createGateway({ origins: ["https://a.example"], allow: ["b.example:22"], tickets });
  const route = issueRoute(
    "/ssh/issue",
    TOKEN,
    () => gateway,
    (event) => events.push(event),
  );
  const server = createServer(route).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (init, path = "/ssh/issue") => fetch(`http://127.0.0.1:${port}${path}`, init);
}

const GRANT = { origin: "https://a.example", host: "b.example", port: 22, user: "alice" };

function post(change: object = {}, token = TOKEN): RequestInit {
  const headers = { authorization: `Bearer ${token}` };
  return { method: "POST", headers, body: JSON.stringify({ ...GRANT, ...change }) };
}

test("issues a ticket to a server with the token", async () => {
  const response = await (await start())(post());
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ ticket: expect.stringMatching(/^[\w-]{43}$/), expiresIn: 30_000 });
});

test.each<[string, RequestInit, number]>([
  ["without a token", { method: "POST", body: JSON.stringify(GRANT) }, 401],
  ["with another token", post({}, "x".repeat(32)), 401],
  ["by GET", { headers: { authorization: `Bearer ${TOKEN}` } }, 405],
  ["for another destination", post({ port: 23 }), 403],
  ["for another origin", post({ origin: "https://evil.example" }), 403],
  ["without a host", post({ host: undefined }), 400],
  ["that is too long", post({ user: "x".repeat(5000) }), 400],
  ["that is not JSON", { ...post(), body: "{" }, 400],
])("refuses a request %s", async (_, init, status) => {
  expect((await (await start())(init)).status).toBe(status);
});

test("answers other paths with 404", async () => {
  expect((await (await start())(post(), "/other")).status).toBe(404);
});

test("answers 503 and logs the reason if the ticket store is full or fails", async () => {
  const full = memoryTicketStore({ maxTickets: 1 });
  await full.put("key", "value", 30_000);
  const lost = Object.assign(new Error("secret"), { code: "ECONNRESET" });
  const stores: [TicketStore, string][] = [
    [full, "the ticket store is full: 1 unused tickets; raise `maxTickets`"],
    [{ ...full, put: () => Promise.reject(lost) }, "the ticket store failed: ECONNRESET"],
  ];
  for (const [store, detail] of stores) {
    const events: GatewayEvent[] = [];
    const response = await (await start(store, events))(post());
    expect([response.status, await response.json()]).toEqual([503, { error: "store" }]);
    expect(events).toMatchObject([{ type: "refused", remoteAddress: "127.0.0.1", reason: "store", detail }]);
  }
});

test("logs a request without the token, but not the token that it has", async () => {
  const events: GatewayEvent[] = [];
  await (await start(undefined, events))(post({}, "x".repeat(32)));
  expect(events).toMatchObject([{ type: "refused", route: "ticket", reason: "unauthorized" }]);
  expect(JSON.stringify(events)).not.toMatch(/x{32}|t{32}/);
});
