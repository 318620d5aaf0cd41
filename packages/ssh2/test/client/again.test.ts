import { once } from "node:events";
import type { Socket } from "node:net";
import type { Connection } from "ssh2";
import { describe, expect, onTestFinished, test } from "vitest";
import { Client } from "../../src/client/client.ts";
import { serve, serveSockets, type Target } from "./support.ts";

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

/** Serves connections that never end. Their server identifies itself with `ident`. */
async function serveHung(ident = "SSH-2.0-Hung\r\n"): Promise<Target> {
  const target = await serveSockets((socket) => {
    socket.write(ident);
    socket.allowHalfOpen = true;
    socket.pause();
  });
  return { ...target, readyTimeout: 0 } as Target;
}

test("closes a connection that does not end before the next one is ready", async () => {
  const target = await serve();
  const silent = await serveHung();
  const client = new Client();
  onTestFinished(() => void client.destroy());
  const order: string[] = [];
  for (const event of ["close", "ready"]) client.on(event, () => order.push(event));
  client.on("error", () => {});
  client.connect(silent);
  await once(client, "connect");
  client.end();
  client.connect(target);
  await once(client, "ready");
  expect(order).toEqual(["close", "ready"]);
});

test("closes only earlier connections at a login, when a listener of close connects again", async () => {
  const target = await serve();
  const hung = await serveHung();
  const client = new Client();
  onTestFinished(() => void client.destroy());
  client.on("error", () => {});
  client.connect(hung);
  await once(client, "connect");
  client.end();
  client.connect(target);
  let closes = 0;
  let closesOfTurn = 0;
  client.on("close", () => {
    if (++closes === 1) queueMicrotask(() => void (closesOfTurn = closes));
    // The limit ends the loop of this program, which takes a turn for each connection.
    if (closes < 10) client.end().connect(target);
  });
  await once(client, "ready");
  expect(closesOfTurn).toBe(1);
});

/** Serves logins, and the command "open". Other commands get no answer. */
function serveOpen(): Promise<Target> {
  return serve({}, (connection) => {
    connection.on("authentication", (context) => context.accept());
    connection.on("session", (accept) => {
      accept().on("exec", (acceptExec, _reject, { command }) => {
        if (command === "open") acceptExec();
      });
    });
  });
}

const AT_CLOSE = ["close", "call: No response from server", "channel closed"];

/** Logs in, opens a channel, and leaves a call without an answer. */
async function logIn(): Promise<{ client: Client; target: Target; order: string[] }> {
  const target = await serveOpen();
  const client = new Client();
  onTestFinished(() => void client.destroy());
  const order: string[] = [];
  client.on("error", () => {}).on("close", () => order.push("close"));
  client.connect(target);
  await once(client, "ready");
  await new Promise<void>((resolve) => {
    client.exec("open", {}, (_error, channel) => {
      channel.on("close", () => order.push("channel closed")).resume();
      resolve();
    });
  });
  client.exec("never", {}, (error) => order.push(`call: ${error?.message}`));
  return { client, target, order };
}

describe("fails the calls and channels of a connection at its own close", () => {
  test("when connect follows destroy", async () => {
    const { client, target, order } = await logIn();
    client.destroy().connect(target);
    await once(client, "ready");
    expect(order).toEqual(AT_CLOSE);
  });

  test("when connect is called in its close", async () => {
    const { client, target, order } = await logIn();
    client.once("close", () => void client.connect(target)).destroy();
    await once(client, "ready");
    expect(order).toEqual(AT_CLOSE);
  });

  test("when the login of the next connection closes it", async () => {
    const { client, target, order } = await logIn();
    // As if the server never ended its direction.
    (client._sock as Socket).pause();
    client.end();
    client.connect(target);
    await once(client, "ready");
    expect(order).toEqual(AT_CLOSE);
  });
});

describe("reports nothing of a connection that the program has ended, and that another one closes", () => {
  test("no error, though its server has not identified itself", async () => {
    const target = await serve();
    const hung = await serveHung("");
    const client = new Client();
    onTestFinished(() => void client.destroy());
    const order: string[] = [];
    for (const event of ["ready", "error", "close"]) client.on(event, () => order.push(event));
    client.connect(hung);
    await once(client, "connect");
    client.end();
    client.connect(target);
    await once(client, "ready");
    expect(order).toEqual(["close", "ready"]);
  });

  test.each<[string, (client: Client, target: Target) => void]>([
    ["end", (client) => void client.end()],
    ["destroy", (client) => void client.destroy()],
    ["connect", (client, target) => void client.connect(target)],
  ])("no ready of the other one, if its close calls %s", async (_, leave) => {
    const logins: string[] = [];
    const target = await serve({}, (connection) => {
      connection.on("authentication", (context) => {
        logins.push(context.username);
        context.accept();
      });
    });
    const hung = await serveHung();
    const client = new Client();
    onTestFinished(() => void client.destroy());
    const order: string[] = [];
    for (const event of ["ready", "close"]) client.on(event, () => order.push(event));
    // The connection that is open at the end of the test may report its loss.
    client.on("error", () => {});
    client.connect(hung);
    await once(client, "connect");
    client.end();
    client.connect(target);
    client.once("close", () => leave(client, { ...target, username: "bob" }));
    await expect.poll(() => order.filter((event) => event === "close").length, { timeout: 5000 }).toBe(2);
    // The third connection may be ready by now.
    expect(order.slice(0, 2)).toEqual(["close", "close"]);
    expect(logins[0]).toBe("alice");
  });
});
