import { macrotask } from "@nacre/testing/macrotask";
import { connected, welcome } from "@nacre/testing/nacre/host";
import { Network, settle } from "@nacre/testing/nacre/network";
import { code, failure, uncaught } from "@nacre/testing/nacre/outcomes";
import { open, visitor, wire } from "@nacre/testing/nacre/wire";
import { SSH_MSG_DEBUG, SSH_MSG_DISCONNECT, utf8Encode } from "@nacre/wire";
import { type Client, type ConnectEvent, connect, serve } from "nacre";
import { describe, expect, it, vi } from "vitest";
import { type Duplex, wrapDuplex } from "../src/mux/duplex.ts";

/** An event without the algorithms. */
const shown = (event: ConnectEvent): object =>
  event.type === "kex" ? { ...event, negotiated: event.negotiated.kex.name } : event;

const typesOf = (events: readonly ConnectEvent[]): readonly string[] => events.map(({ type }) => type);

const debug = (message: string): Uint8Array => SSH_MSG_DEBUG.encode({ alwaysDisplay: true, message, languageTag: "" });

describe("the events of a connection", () => {
  it("begin with the lines before the identification, the key exchange and the banner", async () => {
    const { near, far } = wire(64);
    const writer = far.writable.getWriter();
    void writer.write(utf8Encode("welcome\r\nto \u001b[2Jour\nserver\r\n"));
    writer.releaseLock();
    const connection = serve(far, { ...open, banner: "authorized use only" });
    const events: ConnectEvent[] = [];
    const banners: string[] = [];
    const client = await connect(near, {
      ...visitor,
      events: (event) => events.push(event),
      banner: (text) => banners.push(text),
    });
    expect(events.map(shown)).toEqual([
      {
        type: "identified",
        peerVersion: client.info.peerVersion,
        linesBefore: ["welcome", "to \u001b[2Jour", "server"],
      },
      { type: "kex", initial: true, negotiated: client.info.negotiated.kex.name },
      { type: "banner", message: "authorized use only" },
    ]);
    expect(banners).toEqual(["authorized use only"]);
    await client.close();
    await connection.ended;
  });

  it("have the texts of keyboard-interactive without prompts, which `banner` gets in one", async () => {
    const { near, far } = wire();
    const events: ConnectEvent[] = [];
    const banners: string[] = [];
    const connection = serve(far, {
      ...open,
      methods: ["keyboard-interactive"],
      async authenticate(login) {
        if (login.method !== "keyboard-interactive") return false;
        await login.ask([], { name: "notice", instruction: "read the rules" });
        return true;
      },
    });
    const client = await connect(near, {
      ...visitor,
      identities: [],
      prompts: () => [],
      events: (event) => events.push(event),
      banner: (text) => banners.push(text),
    });
    expect(events.at(-1)).toEqual({ type: "instruction", name: "notice", instruction: "read the rules" });
    expect(banners).toEqual(["notice\nread the rules"]);
    await client.close();
    await connection.ended;
  });

  it("have each later key exchange", async () => {
    const events: ConnectEvent[] = [];
    const { near, far } = wire();
    const connection = serve(far, { ...open, session: () => 0 });
    const client = await connect(near, { ...visitor, events: (event) => events.push(event) });
    client.rekey();
    await client.exec("x");
    expect(events.flatMap((event) => (event.type === "kex" ? [event.initial] : []))).toEqual([true, false]);
    await client.close();
    await connection.ended;
  });

  it("have debug messages and the server's goodbye as they came, and then the failure", async () => {
    const events: ConnectEvent[] = [];
    const { client, host } = await connected({}, { events: (event) => events.push(event) });
    const { sink } = host.server.transport;
    const before = events.length;
    sink.write(debug("one\u001b"));
    sink.write(SSH_MSG_DISCONNECT.encode({ reasonCode: 7, description: "no\u001b more", languageTag: "" }));
    await host.flush();
    const error = await client.ended;
    expect(error).toEqual(code("disconnected"));
    expect(error.message).not.toContain("\u001b");
    expect(events.slice(before)).toEqual([
      { type: "debug", alwaysDisplay: true, message: "one\u001b" },
      { type: "disconnect", reasonCode: 7, description: "no\u001b more" },
      { type: "failed", error },
    ]);
  });

  it("of 10,000 debug messages in one piece end each turn after a share, so that other work goes on", async () => {
    const events: ConnectEvent[] = [];
    const { client, host } = await connected({}, { events: (event) => events.push(event) });
    const before = events.length;
    for (let i = 0; i < 10_000; i++) host.server.transport.sink.write(debug("x"));
    void host.flush();
    let most = 0;
    for (let count = before; count < before + 10_000; ) {
      await macrotask();
      most = Math.max(most, events.length - count);
      count = events.length;
    }
    expect(most).toBeLessThan(2000);
    await client.close();
  });
});

/** Connects to a network whose byte connections close only when the test says so. */
function slowToClose(): {
  readonly duplex: Promise<Duplex>;
  readonly network: Network;
  readonly release: () => void;
} {
  const network = new Network();
  let release!: () => void;
  const released = new Promise<void>((resolve) => (release = resolve));
  const duplex = network
    .connect()
    .then((near) => wrapDuplex(near, { close: () => Promise.all([near.close(), released]).then(() => {}) }));
  return { duplex, network, release };
}

describe("the failure of a connection", () => {
  it("is reported before the byte connection is closed and `connect` rejects", async () => {
    const { duplex, release } = slowToClose();
    const events: ConnectEvent[] = [];
    let isSettled = false;
    const connecting = failure(
      connect(await duplex, { ...visitor, hostKey: () => false, events: (event) => events.push(event) }),
    );
    void connecting.then(() => (isSettled = true));
    await vi.waitUntil(() => typesOf(events).includes("failed"), { timeout: 20_000 });
    await settle();
    expect(typesOf(events)).toEqual(["identified", "failed"]);
    expect(isSettled).toBe(false);
    release();
    const error = await connecting;
    expect(error).toEqual(code("host-key-refused"));
    expect(events.at(-1)).toEqual({ type: "failed", error });
  });

  it("is reported before `ended` resolves and calls fail", async () => {
    const { duplex, network, release } = slowToClose();
    const said: string[] = [];
    const client: Client = await connect(await duplex, {
      ...visitor,
      events: ({ type }) => void said.push(type),
    });
    client.globalRequest("a@example.org", new Uint8Array(0), () => said.push("reply"));
    void client.ended.then(() => said.push("ended"));
    said.length = 0;
    network.cut();
    await vi.waitUntil(() => said.includes("reply"), { timeout: 20_000 });
    await settle();
    expect(said).toEqual(["failed", "reply"]);
    release();
    await client.ended;
    await settle();
    expect(said).toEqual(["failed", "reply", "ended"]);
  });

  it("is not reported after `close` and `end`", async () => {
    for (const way of ["close", "end"] as const) {
      const events: ConnectEvent[] = [];
      const { near, far } = wire();
      const connection = serve(far, open);
      const client = await connect(near, { ...visitor, events: (event) => events.push(event) });
      await client[way]();
      await connection.ended;
      expect(typesOf(events)).not.toContain("failed");
      expect(await client.ended).toEqual(code("closed"));
    }
  });

  it("is reported when `signal` aborts connecting", async () => {
    const { near } = wire();
    const events: ConnectEvent[] = [];
    const controller = new AbortController();
    const connecting = failure(
      connect(near, { ...visitor, signal: controller.signal, events: (event) => events.push(event) }),
    );
    await settle();
    controller.abort();
    expect(events).toEqual([{ type: "failed", error: code("aborted") }]);
    expect(await connecting).toEqual(code("aborted"));
  });
});

it("an exception of `events` is uncaught, and the connection goes on", async () => {
  const heard = uncaught();
  const { client, host } = await connected(
    {},
    {
      ...welcome,
      events({ type }) {
        throw new Error(`application: ${type}`);
      },
    },
  );
  host.server.transport.sink.write(debug("x"));
  await host.flush();
  expect((await client.exec("x")).stdout).toBe("ran x\n");
  await client.close();
  await settle();
  expect(heard.map(String)).toEqual(["identified", "kex", "debug"].map((type) => `Error: application: ${type}`));
});
