import { once } from "node:events";
import { createServer } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { expectError } from "@nacre/testing/errors";
import { expect, onTestFinished, test } from "vitest";
import { limitSockets } from "../src/gateway/gateway-sockets.ts";

/** Starts a limited server. Returns a function that connects from an address and resolves to whether the connection stays open. */
async function start(trustedProxies: string[] = []) {
  const server = createServer((_, response) => response.end());
  limitSockets(server, { maxPerClient: 2, trustedProxies });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const sockets: Socket[] = [];
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return async (localAddress: string): Promise<Socket | undefined> => {
    const socket = connect({ port, host: "127.0.0.1", localAddress });
    sockets.push(socket);
    socket.on("error", () => {});
    const closed = new Promise<boolean>((resolve) => socket.once("close", () => resolve(false)));
    socket.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const answered = once(socket, "data").then(
      () => true,
      () => false,
    );
    return (await Promise.race([answered, closed])) ? socket : undefined;
  };
}

test("closes connections of a client above maxPerClient, and counts each client separately", async () => {
  const open = await start();
  const first = await open("127.0.0.1");
  expect(first).toBeDefined();
  expect(await open("127.0.0.1")).toBeDefined();
  expect(await open("127.0.0.1")).toBeUndefined();
  expect(await open("127.0.0.2")).toBeDefined();
  first!.destroy();
  // The server needs a moment to see that the first one has closed.
  await expect.poll(() => open("127.0.0.1"), { timeout: 10_000 }).toBeDefined();
  expect(await open("127.0.0.1")).toBeUndefined();
});

test("does not limit the connections of a trusted proxy", async () => {
  const open = await start(["127.0.0.1"]);
  for (let i = 0; i < 4; i++) expect(await open("127.0.0.1")).toBeDefined();
});

test("rejects an invalid proxy address", () => {
  expectError("usage", () => limitSockets(createServer(), { maxPerClient: 1, trustedProxies: ["proxy.example"] }));
});
