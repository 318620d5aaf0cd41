import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { pipeline } from "node:stream/promises";
import { generateEd25519 } from "@nacre/keys";
import { expect, onTestFinished, test, vi } from "vitest";
import {
  type Client,
  type ConnectEvent,
  type ConnectOptions,
  connect,
  listen,
  type SshServer,
  tcpForwarding,
} from "../src/index.ts";
import { counting, watchResources } from "./support.ts";

const key = generateEd25519(counting);

/** A server that answers global requests, and whose commands print their input. */
async function server(): Promise<SshServer> {
  const listening = await listen({
    port: 0,
    hostKeys: [key],
    authenticate: () => ({ permissions: { globalRequests: ["a@example.org"] } }),
    globalRequests: { "a@example.org": (request) => request.reply(true, request.data) },
    session: (session) => pipeline(session.stdin, session.stdout),
  });
  onTestFinished(() => listening.close());
  return listening;
}

const options = (port: number): ConnectOptions => ({
  host: "127.0.0.1",
  port,
  user: "a",
  agent: false,
  hostKey: () => true,
  identities: [key],
});

/** Asks for a reply and ends the client at once. Returns the reply. The time that `end` waits for the peer does not pass. */
async function endAfterRequest(client: Client): Promise<unknown> {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  let said: unknown = "nothing";
  client.globalRequest("a@example.org", Uint8Array.of(1), (reply) => {
    said = reply;
  });
  await client.end();
  vi.useRealTimers();
  return said;
}

test("a client that is ended gets a reply that was sent, and its socket ends without an error", async () => {
  const leftOpen = await watchResources();
  const listening = await server();
  const { address } = listening;
  const socket = connectSocket(address.port, "127.0.0.1");
  const said: string[] = [];
  socket.on("end", () => said.push("end"));
  socket.on("error", (error) => said.push(String(error)));
  const closed = once(socket, "close");
  const events: ConnectEvent[] = [];
  const client = await connect({ ...options(address.port), duplex: socket, events: (event) => events.push(event) });
  expect(await endAfterRequest(client)).toEqual({ success: true, data: Uint8Array.of(1) });
  expect([said, await closed]).toEqual([["end"], [false]]);
  expect(events.map(({ type }) => type)).toEqual(["identified", "kex"]);
  await listening.close();
  expect(await leftOpen()).toEqual([]);
});

test("a client behind a jump host can be ended, and the jump host's connection closes with it", async () => {
  const forwarding = await listen({
    port: 0,
    hostKeys: [key],
    authenticate: () => ({ permissions: { portForwarding: true } }),
    forwarding: tcpForwarding({ permitOpen: ["127.0.0.1:*"] }),
    session: () => 0,
  });
  onTestFinished(() => forwarding.close());
  const { address } = await server();
  const { host, port, ...login } = options(forwarding.address.port);
  const client = await connect({ ...login, host: "127.0.0.1", port: address.port, via: { ...login, host, port } });
  expect(await endAfterRequest(client)).toEqual({ success: true, data: Uint8Array.of(1) });
  expect(await client.ended).toMatchObject({ code: "closed" });
});

test("`failed` comes before the `end` and `close` of the socket, and before `connect` rejects", async () => {
  const { address } = await server();
  const socket = connectSocket(address.port, "127.0.0.1");
  const said: string[] = [];
  for (const event of ["end", "close"]) socket.on(event, () => said.push(event));
  const connecting = connect({
    ...options(address.port),
    duplex: socket,
    hostKey: () => false,
    events: ({ type }) => void said.push(type),
  });
  await expect(connecting).rejects.toMatchObject({ code: "host-key-refused" });
  expect(said.slice(0, 2)).toEqual(["identified", "failed"]);
});
