import { once } from "node:events";
import { createServer } from "node:net";
import type { Case, Peers, Ssh2 } from "../case.ts";
import { serve, type Target, watch } from "../client-peers.ts";

const section = "client: connect() again";

type Client = InstanceType<Ssh2["Client"]>;
type Config = Parameters<Client["connect"]>[0];

/** Serves one user. */
function serveBob(peers: Peers): Promise<Target> {
  return serve(peers, (connection) =>
    connection.on("authentication", (context) => {
      if (context.username === "bob") context.accept();
      else context.reject(["password"]);
    }),
  );
}

/** Calls `connect` in an event, or later. */
type When = (client: Client, again: () => void) => void;

/**
 * A case whose login as `user` fails or succeeds, and that connects again as "bob" by `when`. Ends the second connection in "ready", and
 * lasts until two connections have closed.
 */
function again(name: string, when: When, first: Config = {}): Case {
  return {
    name,
    section,
    async run({ Client }, record, peers) {
      const target = await serveBob(peers);
      const client = new Client();
      watch(client, record, peers);
      let isAgain = false;
      when(client, () => {
        if (isAgain) return;
        isAgain = true;
        record("again");
        client.connect({ ...target, username: "bob" });
        record("called");
      });
      let closes = 0;
      const over = new Promise<void>((resolve) => {
        client.on("ready", () => void (isAgain && client.end()));
        client.on("close", () => void (++closes === 2 && setImmediate(resolve)));
      });
      client.connect({ ...target, ...first });
      await over;
    },
  };
}

/** Calls `connect` in the first event of this name. */
function inEvent(event: string): When {
  return (client, connect) => void client.once(event as "ready", connect);
}

/** Calls `connect` after the first event of this name, by `later`. */
function after(event: string, later: (call: () => void) => unknown): When {
  return (client, connect) => void client.once(event as "ready", () => later(connect));
}

/** Options of a login that never ends by itself. */
const LATE: Config = { readyTimeout: 700, authHandler: () => undefined };

export const cases: readonly Case[] = [
  again("in the error of a failed login", inEvent("error")),
  again("in the end after a failed login", inEvent("end")),
  again("in the close after a failed login", inEvent("close")),
  again(
    "in a microtask after the error of a failed login",
    after("error", (call) => Promise.resolve().then(call)),
  ),
  again(
    "in the next tick after the error of a failed login",
    after("error", (call) => process.nextTick(call)),
  ),
  again(
    "in setImmediate after the error of a failed login",
    after("error", (call) => setImmediate(call)),
  ),
  again(
    "in the next tick after the end",
    after("end", (call) => process.nextTick(call)),
  ),
  again("in the error of a late login", inEvent("error"), LATE),
  again(
    "in setImmediate after the error of a late login",
    after("error", (call) => setImmediate(call)),
    LATE,
  ),
  again("in the error of a refused host key", inEvent("error"), { hostVerifier: () => false }),
  again("in connect", inEvent("connect")),
  again("in handshake", inEvent("handshake")),
  again("in ready", inEvent("ready"), { username: "bob" }),
  again(
    "in ready, which a later end() and destroy() do not cancel",
    (client, connect) =>
      void client.once("ready", () => {
        connect();
        client.end().destroy();
      }),
    { username: "bob" },
  ),
  again("while connecting", (_client, connect) => process.nextTick(connect)),
  again(
    "after end() in ready",
    (client, connect) =>
      void client.once("ready", () => {
        client.end();
        connect();
      }),
    { username: "bob" },
  ),
  again(
    "after destroy() in ready",
    (client, connect) =>
      void client.once("ready", () => {
        client.destroy();
        connect();
      }),
    { username: "bob" },
  ),
  {
    name: "in the error of a refused connection",
    section,
    async run({ Client }, record, peers) {
      const target = await serveBob(peers);
      const free = createServer().listen(0, "127.0.0.1");
      await once(free, "listening");
      const { port } = free.address() as { port: number };
      free.close();
      await once(free, "close");
      const client = new Client();
      peers.after(() => client.destroy());
      for (const event of ["connect", "ready", "end", "close"]) client.on(event as "end", () => record(event));
      client.once("error", () => {
        record("error");
        client.connect({ ...target, username: "bob" });
      });
      let closes = 0;
      const over = new Promise<void>((resolve) => {
        client.on("ready", () => client.end());
        client.on("close", () => void (++closes === 2 && setImmediate(resolve)));
      });
      client.connect({ ...target, port });
      await over;
    },
  },
];
