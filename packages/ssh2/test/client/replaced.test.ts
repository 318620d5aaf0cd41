import { once } from "node:events";
import { ed25519PrivateKey } from "@nacre/keys";
import { listen } from "@nacre/node";
import type { Connection } from "ssh2";
import { describe, expect, onTestFinished, test } from "vitest";
import { BaseAgent } from "../../src/agent/agents.ts";
import { Client } from "../../src/client/client.ts";
import { openAgent } from "../parity/sessions.ts";
import { serve, type Target } from "./support.ts";

/** Makes a client that is destroyed after the test. */
function newClient(): Client {
  const client = new Client();
  client.on("error", () => {});
  onTestFinished(() => void client.destroy());
  return client;
}

/** Starts a server that accepts logins only from `letIn` on. */
async function serveLate(): Promise<{ target: Target; connected: Promise<Connection>; letIn: () => void }> {
  let accept: (() => void) | undefined;
  let isOpen = false;
  let resolveConnected: (connection: Connection) => void;
  const connected = new Promise<Connection>((resolve) => {
    resolveConnected = resolve;
  });
  const target = await serve({}, (connection) => {
    connection.on("authentication", (context) => {
      accept = () => context.accept();
      if (isOpen) accept();
    });
    connection.on("request", (grant) => grant?.());
    resolveConnected(connection);
  });
  return {
    target,
    connected,
    letIn: () => {
      isOpen = true;
      accept?.();
    },
  };
}

describe("a late grant of an earlier server lets the next one open nothing", () => {
  test.each<
    [string, (client: Client, done: (error?: Error) => void) => void, (connection: Connection) => Promise<void>]
  >([
    [
      "forwardIn",
      (client, done) => void client.forwardIn("first", 7, done),
      (connection) => outcome((done) => connection.forwardOut("first", 7, "192.0.2.1", 5, done)),
    ],
    [
      "openssh_forwardInStreamLocal",
      (client, done) => void client.openssh_forwardInStreamLocal("/first", done),
      (connection) => outcome((done) => connection.openssh_forwardOutStreamLocal("/first", done)),
    ],
  ])("%s", async (_, request, open) => {
    const next = await serveLate();
    const client = newClient();
    const first = await serve({}, (connection) => {
      connection.on("authentication", (context) => context.accept());
      connection.on("request", (grant) => {
        client.end();
        client.connect({ ...next.target, strictVendor: false });
        grant?.();
      });
    });
    client.connect({ ...first, strictVendor: false });
    await once(client, "ready");
    const granted = new Promise<Error | undefined>((resolve) => request(client, resolve));
    expect(await granted).toBeUndefined();
    next.letIn();
    await once(client, "ready");
    // Lets the client take channels of this type at all.
    await new Promise<void>((resolve) => void client.forwardIn("next", 1, () => resolve()));
    await new Promise<void>((resolve) => void client.openssh_forwardInStreamLocal("/next", () => resolve()));
    await expect(open(await next.connected)).rejects.toThrow("Channel open failure");
    expect([client._forwarding, client._forwardingUnix]).toEqual([{ "next:1": 1 }, { "/next": true }]);
  });
});

/** Rejects with the error of a callback. */
function outcome(call: (done: (error?: Error) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => call((error) => (error ? reject(error) : resolve())));
}

/** An agent that counts its connections. */
class CountingAgent extends BaseAgent {
  streams = 0;
  override getStream(callback: (error: Error) => void): void {
    this.streams++;
    callback(new Error("no connection"));
  }
}

test("an earlier server that grants the agent late does not get the next connection's", async () => {
  const next = await serveLate();
  const client = newClient();
  const agents = [new CountingAgent(), new CountingAgent()] as const;
  const first = await serve({}, (connection) => {
    connection.on("authentication", (context) => context.accept());
    connection.on("session", (accept) => {
      accept().on("auth-agent", (grant) => {
        client.end();
        client.connect({ ...next.target, agent: agents[1], agentForward: true });
        grant();
        openAgent(connection).catch(() => {});
      });
    });
  });
  client.connect({ ...first, agent: agents[0], agentForward: true, authHandler: ["none"] });
  await once(client, "ready");
  client.exec("true", {}, () => {});
  await once(client, "close");
  expect(client._agentFwdEnabled).toBe(false);
  expect(agents.map(({ streams }) => streams)).toEqual([0, 0]);
});

test("an earlier server opens no X11 connection any more", async () => {
  const next = await serveLate();
  const client = newClient();
  let connection: Connection | undefined;
  const first = await serve({}, (accepted) => {
    connection = accepted;
    accepted.on("authentication", (context) => context.accept());
    accepted.on("session", (accept) => {
      const session = accept();
      session.on("x11", (grant) => grant?.());
      session.on("exec", (grant) => void grant());
    });
  });
  client.connect(first);
  const events: string[] = [];
  client.on("x11", (_info, _accept, reject) => {
    events.push("x11");
    reject();
  });
  await once(client, "ready");
  await new Promise<void>((resolve) => void client.exec("true", { x11: true }, () => resolve()));
  const open = (): Promise<void> => outcome((done) => connection!.x11("192.0.2.1", 6000, done));
  await expect(open()).rejects.toThrow("Channel open failure");
  expect(events).toEqual(["x11"]);
  open().catch(() => {});
  client.end();
  client.connect(next.target);
  await once(client, "close");
  expect(events).toEqual(["x11"]);
});

test("host keys that an earlier server proves late are not emitted", async () => {
  const next = await serveLate();
  const client = newClient();
  const keys = [1, 2].map((number) => ed25519PrivateKey(new Uint8Array(32).fill(number)));
  let isProved = false;
  const server = await listen({
    port: 0,
    host: "127.0.0.1",
    hostKeys: [
      keys[0]!,
      {
        ...keys[1]!,
        // The server signs with its second key only to prove it.
        sign: (...values: Parameters<(typeof keys)[1]["sign"]>) => {
          client.end();
          client.connect(next.target);
          isProved = true;
          return keys[1]!.sign(...values);
        },
      },
    ],
    methods: ["none"],
    authenticate: () => true,
    session: () => {},
    softwareVersion: "OpenSSH_9.9",
  });
  onTestFinished(() => server.close());
  let isEmitted = false;
  client.on("hostkeys", () => void (isEmitted = true));
  client.connect({ ...next.target, port: server.address.port });
  await once(client, "close");
  expect([isProved, isEmitted]).toEqual([true, false]);
});
