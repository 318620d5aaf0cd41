import { FakeDuplex } from "@nacre/testing/nacre/fake-duplex";
import { code, failure } from "@nacre/testing/nacre/outcomes";
import { SshError } from "@nacre/wire";
import type { Forwarding, ListenAddress, ListenContext } from "nacre";
import { describe, expect, test, vi } from "vitest";
import { connected, pass, virtualTime } from "./support.ts";

const LOST = code("connection-lost");

/** A server that connects and listens for its clients. */
class Forwards {
  readonly targets: unknown[] = [];
  readonly asked: ListenAddress[] = [];
  /** Ports in use, with the function that offers a connection to the client. */
  readonly listening = new Map<number, ListenContext["accept"]>();
  /** Ports that the server still holds for a dead connection. */
  readonly held = new Set<number>();
  readonly options: Forwarding = {
    connect: async (target) => {
      this.targets.push(target);
      return new FakeDuplex();
    },
    listen: async (address, { accept }) => {
      this.asked.push(address);
      const port = address.port || 4001;
      if (this.held.has(port)) throw new SshError("listen-failed", "in use");
      this.listening.set(port, accept);
      return { port, close: async () => void this.listening.delete(port) };
    },
  };
}

const permitted = { authenticate: () => ({ permissions: { portForwarding: true } }) } as const;

describe.each([5, 30, 300])("the network taken away for %i s", (seconds) => {
  test("fails a dialled connection once, and dials nothing twice", async () => {
    virtualTime();
    const forwards = new Forwards();
    const { client, network } = await connected({ ...permitted, forwarding: forwards.options });
    const pair = await client.dial({ host: "db", port: 5432 });
    const reading = failure(pair.readable.getReader().read());
    network.cut();
    await pass(0);
    expect(await reading).toEqual(LOST);
    await pass(seconds);
    network.state = "up";
    await pass(40);
    expect(forwards.targets).toHaveLength(1);
    await client.dial({ host: "db", port: 5432 });
    expect(forwards.targets).toHaveLength(2);
  });

  test("keeps a listener on the server, with the port that the server chose", async () => {
    virtualTime();
    const forwards = new Forwards();
    const { client, network, events } = await connected({ ...permitted, forwarding: forwards.options });
    const listener = await client.listen({ port: 0 });
    expect(listener.port).toBe(4001);
    const connections = listener[Symbol.asyncIterator]();
    network.cut();
    await pass(seconds);
    network.state = "up";
    await pass(40);
    expect(forwards.asked).toEqual([
      { host: "localhost", port: 0 },
      { host: "localhost", port: 4001 },
    ]);
    expect(events.at(-1)).toEqual({ type: "listening", port: 4001 });
    forwards.listening.get(4001)!(new FakeDuplex(), { address: "192.0.2.1", port: 1 });
    await pass(1);
    const { value } = await connections.next();
    expect(value?.remoteAddress).toBe("192.0.2.1");
    await listener.close();
    expect(forwards.listening.size).toBe(0);
  });
});

/** A client whose listener the server refuses since its connection was lost: it holds the port for the old connection. */
async function refusedAgain() {
  virtualTime();
  const forwards = new Forwards();
  const { client, network, events } = await connected({ ...permitted, forwarding: forwards.options });
  await client.listen({ port: 4001 });
  forwards.held.add(4001);
  network.cut();
  network.state = "up";
  return { client, events, forwards };
}

test("a listener is asked for again while the server holds its port", async () => {
  const { client, events, forwards } = await refusedAgain();
  await pass(120);
  const delays = events.flatMap((event) => (event.type === "listen-retry" ? [event.delay] : []));
  expect(delays[0]).toBe(0);
  expect(delays.length).toBeLessThan(12);
  expect(delays.length).toBeGreaterThan(5);
  forwards.held.clear();
  await pass(40);
  expect(events.at(-1)?.type).toBe("listening");
  expect(forwards.listening.size).toBe(1);
  await client.close();
  expect(vi.getTimerCount()).toBe(0);
});

test("`close` leaves no timer of a listener that is to be asked for again", async () => {
  const { client, events } = await refusedAgain();
  await pass(20);
  expect(events.at(-1)?.type).toBe("listen-retry");
  await client.close();
  expect(vi.getTimerCount()).toBe(0);
});

test("a listener that is closed while the connection is lost is not asked for again", async () => {
  virtualTime();
  const forwards = new Forwards();
  const { client, network } = await connected({ ...permitted, forwarding: forwards.options });
  const listener = await client.listen({ port: 4001 });
  network.cut();
  await pass(2);
  await listener.close();
  network.state = "up";
  await pass(40);
  expect(forwards.asked).toHaveLength(1);
});

test("reconnect: opens of a lost connection · client", async () => {
  virtualTime();
  const forwards = new Forwards();
  const { client, network } = await connected({ ...permitted, forwarding: forwards.options });
  const listener = await client.listen({ port: 4001 });
  for (let i = 0; i < 5; i++) forwards.listening.get(4001)!(new FakeDuplex(), { address: "192.0.2.1", port: i });
  await pass(1);
  network.cut();
  network.state = "up";
  await pass(5);
  forwards.listening.get(4001)!(new FakeDuplex(), { address: "192.0.2.2", port: 9 });
  await pass(1);
  const { value } = await listener[Symbol.asyncIterator]().next();
  expect(value?.remoteAddress).toBe("192.0.2.2");
});

test("`listen` waits for the connection", async () => {
  virtualTime();
  const forwards = new Forwards();
  const { client, network } = await connected({ ...permitted, forwarding: forwards.options });
  network.cut();
  await pass(1);
  const listening = client.listen({ port: 4001 });
  network.state = "up";
  await pass(10);
  expect((await listening).port).toBe(4001);
  expect(forwards.asked).toHaveLength(1);
});

test("a `dial` that is aborted while it waits takes no place, and nothing is dialled", async () => {
  virtualTime();
  const forwards = new Forwards();
  const { client, network } = await connected({ ...permitted, forwarding: forwards.options });
  network.cut();
  await pass(0);
  for (let port = 1; port <= 256; port++) {
    const over = new AbortController();
    const dialling = failure(client.dial({ host: "db", port }, { signal: over.signal }));
    over.abort();
    expect(await dialling).toEqual(code("aborted"));
  }
  const next = client.dial({ host: "db", port: 5432 });
  network.state = "up";
  await pass(10);
  await next;
  expect(forwards.targets).toEqual([{ host: "db", port: 5432 }]);
});

test("an open that has left is not sent again", async () => {
  virtualTime();
  const asked: unknown[] = [];
  const connect = (target: unknown): Promise<never> => {
    asked.push(target);
    return new Promise<never>(() => {});
  };
  const { client, network } = await connected({ ...permitted, forwarding: { connect } });
  const dialling = failure(client.dial({ host: "db", port: 1 }));
  await pass(1);
  network.cut();
  network.state = "up";
  await pass(40);
  expect(await dialling).toEqual(LOST);
  expect(asked).toHaveLength(1);
});
