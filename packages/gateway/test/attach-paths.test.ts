import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { WebSocketServer } from "ws";
import { createGateway, type Gateway } from "../src/index.ts";
import { ORIGIN, pageSocket, refusedWith, type Started, startGateway } from "./support.ts";

/** Attaches another gateway to the server of the first one, closed after the test. */
function attachSecond({ server, port }: Started, path: string): Gateway {
  const gateway = createGateway({ origins: [ORIGIN], hosts: [`127.0.0.1:${port}`], allow: [], path });
  gateway.attach(server);
  onTestFinished(() => gateway.close());
  return gateway;
}

/** Resolves to the HTTP status with which each path answers an upgrade: 101 opens a WebSocket. */
function upgrades({ port }: Started, ...paths: string[]): Promise<(number | undefined)[]> {
  return Promise.all(paths.map((path) => refusedWith(pageSocket(`ws://127.0.0.1:${port}${path}`))));
}

async function bodyOf({ port }: Started): Promise<string> {
  return (await fetch(`http://127.0.0.1:${port}/`)).text();
}

test("requests and upgrades of other paths get status 404 if the server has no other listeners", async () => {
  const started = await startGateway();
  expect((await fetch(`http://127.0.0.1:${started.port}/`)).status).toBe(404);
  expect(await upgrades(started, "/other", "/ssh/ticket", "/ssh")).toEqual([404, 404, 101]);
});

test("listeners added after `attach` get requests and upgrades of other paths", async () => {
  const started = await startGateway();
  const { server, port } = started;
  server.on("request", (_, response) => response.headersSent || response.end("application"));
  server.on("upgrade", ({ url }, socket) => url === "/ssh" || socket.end("HTTP/1.1 418 other\r\n\r\n"));
  expect(await bodyOf(started)).toBe("application");
  const answer = await fetch(`http://127.0.0.1:${port}/ssh`);
  expect([answer.status, answer.headers.get("upgrade")]).toEqual([426, "websocket"]);
  expect(await upgrades(started, "/other", "/ssh")).toEqual([418, 101]);
});

test("a WebSocket server that was there before `attach` answers for all paths but the gateway's", async () => {
  const started = await startGateway();
  await started.gateway.close();
  const own = new WebSocketServer({ server: started.server, path: "/own" });
  const gateway = attachSecond(started, "/ssh");
  expect(await upgrades(started, "/own", "/other", "/ssh")).toEqual([101, 400, 101]);
  await gateway.close();
  expect(await upgrades(started, "/own", "/ssh")).toEqual([101, 400]);
  for (const ws of own.clients) ws.terminate();
});

test("two gateways on one server have their own paths, and one of them answers for unknown ones", async () => {
  const started = await startGateway();
  const second = attachSecond(started, "/second");
  expect(await upgrades(started, "/ssh", "/second", "/other")).toEqual([101, 101, 404]);
  await started.gateway.close();
  expect(await upgrades(started, "/ssh", "/second", "/other")).toEqual([404, 101, 404]);
  await second.close();
  expect(started.server.listenerCount("upgrade")).toBe(0);
});

test("of two gateways with the same path, the last attached has it until it is closed", async () => {
  const started = await startGateway();
  const second = attachSecond(started, "/ssh");
  await once(pageSocket(started.url), "open");
  expect([started.gateway, second].map((gateway) => gateway.metrics())).toEqual([
    expect.stringContaining("nacre_gateway_pending 0\n"),
    expect.stringContaining("nacre_gateway_pending 1\n"),
  ]);
  await second.close();
  await once(pageSocket(started.url), "open");
  expect(started.gateway.metrics()).toContain("nacre_gateway_pending 1\n");
});

test("the application gets a request once after the first of two gateways is closed", async () => {
  const started = await startGateway();
  await started.gateway.close();
  let calls = 0;
  started.server.on("request", (_, response) => response.end(`call ${++calls}`));
  const gateways = ["/first", "/second"].map((path) => attachSecond(started, path));
  for (const [i, gateway] of gateways.entries()) {
    await gateway.close();
    expect(await bodyOf(started)).toBe(`call ${i + 1}`);
  }
  expect(calls).toBe(2);
});
