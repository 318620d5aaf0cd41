import { once } from "node:events";
import type { Socket } from "node:net";
import type { Connection } from "ssh2";
import { expect, onTestFinished, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { serve, serveSockets } from "./support.ts";

test("fails a call of the connection before at its own close, while the next one logs in", async () => {
  const held: (() => void)[] = [];
  const connections: Connection[] = [];
  const target = await serve({}, (connection: Connection) => {
    connections.push(connection);
    connection.on("authentication", (context) => {
      if (context.username === "late") held.push(() => context.accept());
      else context.accept();
    });
    // Leaves the command without an answer.
    connection.on("session", (accept) => void accept().on("exec", () => {}));
  });
  const client = new Client();
  onTestFinished(() => void client.destroy());
  const order: string[] = [];
  for (const event of ["ready", "error", "close"]) client.on(event, () => order.push(event));
  client.connect(target);
  await once(client, "ready");
  client.exec("sleep", {}, (error) => order.push(`first: ${error?.message}`));
  client.end();
  client.connect({ ...target, username: "late" });
  client.exec("sleep", {}, (error) => order.push(`second: ${error?.message}`));
  await once(client, "close");
  await expect.poll(() => held.length).toBe(1);
  expect(order).toEqual(["ready", "close", "first: Unable to exec"]);
  held[0]!();
  await once(client, "ready");
  // Breaks the channels before the socket closes.
  (connections[1] as unknown as { _sock: Socket })._sock.write(Buffer.alloc(64));
  await new Promise((resolve) => client.once("close", resolve));
  await new Promise((resolve) => setImmediate(resolve));
  expect(order.slice(3)).toEqual(["ready", "error", "close", "second: No response from server"]);
});

test("closes a connection that does not end before the next one is ready", async () => {
  const target = await serve();
  const silent = await serveSockets((socket) => {
    socket.write("SSH-2.0-Silent\r\n");
    socket.allowHalfOpen = true;
    socket.pause();
  });
  const client = new Client();
  onTestFinished(() => void client.destroy());
  const order: string[] = [];
  for (const event of ["close", "ready"]) client.on(event, () => order.push(event));
  client.on("error", () => {});
  client.connect({ ...silent, readyTimeout: 0 });
  await once(client, "connect");
  client.end();
  client.connect(target);
  await once(client, "ready");
  expect(order).toEqual(["close", "ready"]);
});
