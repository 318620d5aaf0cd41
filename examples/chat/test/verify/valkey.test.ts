import { freePort } from "@nacre/testing/free-port";
import { createClient } from "redis";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { parseEvent, ValkeyBus } from "../../src/valkey-bus.ts";
import { TestPage } from "../doors.ts";
import { Program, usePrograms } from "../interop/support.ts";
import { testRoom } from "../support.ts";

const { startChat, ssh, folder } = usePrograms();

/** Debian's valkey-server, listening on a free port. */
let valkey: Program;
let port: number;
let url: string;

beforeAll(async () => {
  port = await freePort();
  url = `redis://127.0.0.1:${port}`;
  valkey = await startValkey();
});
afterAll(async () => {
  valkey.kill("SIGKILL");
  await valkey.closed;
});

async function startValkey(): Promise<Program> {
  const words = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder.path];
  const program = new Program(["valkey-server", ...words]);
  await program.until("Ready to accept connections");
  return program;
}

describe("two processes", () => {
  test("share one room: messages, joins, leaves and names", async () => {
    const [one, two] = await Promise.all([startChat(["--valkey", url]), startChat(["--valkey", url])]);
    const ann = await TestPage.join(one.webPort, "ann");
    const bob = ssh(two, "bob", "terminal");
    await bob.until("in the room: ann, bob");
    await ann.until({ type: "joined", name: "bob" });
    bob.type("hello\r");
    await ann.until({ type: "said", name: "bob", text: "hello" });
    ann.say("hi");
    await bob.until("ann\x1b[0m: hi");

    const second = await TestPage.open(two.webPort);
    second.send({ type: "join", name: "Ann" });
    expect(await second.until({ type: "ended" })).toHaveProperty("reason", "the name ann is taken; choose another");

    bob.type("\x04");
    await ann.until({ type: "left", name: "bob" });
    // The name is free again in the other process too.
    const other = await TestPage.join(one.webPort, "bob");
    one.program.kill("SIGINT");
    expect(await one.program.closed).toBe(0);
    const later = await TestPage.join(two.webPort, "ann");
    expect(later.messages[0]).toEqual({ type: "welcome", name: "ann", names: ["ann"] });
    two.program.kill("SIGINT");
    expect(await two.program.closed).toBe(0);
    await Promise.all([ann, second, other, later].map((page) => page.closed));
  });
});

describe("a bus through Valkey", () => {
  const buses: ValkeyBus[] = [];
  const connect = async (lease: number): Promise<ValkeyBus> => {
    const bus = await ValkeyBus.connect({ url, lease });
    buses.push(bus);
    return bus;
  };
  afterAll(async () => {
    for (const bus of buses) await bus.close();
  });

  test("gives a name to only one of many guests that enter at once", async () => {
    const [a, b] = await Promise.all([connect(30_000), connect(30_000)]);
    const asked = Array.from({ length: 100 }, (_, i) => (i % 2 === 0 ? a : b).enter("ann"));
    expect((await Promise.all(asked)).filter(Boolean)).toHaveLength(1);
    await Promise.all([a.leave("ann"), b.leave("ann")]);
    expect(await a.names()).toEqual([]);
  });

  test("keeps the names of a running process, and frees and announces those of a crashed one", async () => {
    const lease = 2000;
    const crashing = await connect(lease);
    const living = await connect(lease);
    const { enter } = testRoom({}, living);
    const { guest } = await enter("ann");
    expect(await crashing.enter("bob")).toBe(true);
    await crashing.joined("bob");
    // Simulates a crash: the connections end without announcing that bob left.
    await crashing.close();
    await vi.waitFor(() => expect(guest.lines).toContain("bob left"), { timeout: 10_000 });
    expect(guest.lines).toContain("bob joined");
    expect(guest.ends).toEqual([]);
    await vi.waitFor(async () => expect(await living.names()).toEqual(["ann"]), { timeout: 10_000 });
    await living.leave("ann");
  });

  test("refuses messages while Valkey is down, and delivers later ones once it runs again", async () => {
    const lines: string[] = [];
    const bus = await ValkeyBus.connect({ url, lease: 3000, log: (line) => lines.push(line) });
    buses.push(bus);
    const { enter } = testRoom({ burst: 1e6 }, bus);
    const { guest, stay } = await enter("ann");
    valkey.kill("SIGKILL");
    await valkey.closed;
    await vi.waitFor(async () => expect(await stay.say("lost")).toBe("not sent: the room cannot be reached"), 20_000);
    valkey = await startValkey();
    await vi.waitFor(
      async () => {
        expect(await stay.say("found")).toBeUndefined();
        expect(guest.lines).toContain("ann: found");
      },
      { timeout: 20_000, interval: 200 },
    );
    expect(guest.ends).toEqual([]);
    expect(guest.lines).not.toContain("ann: lost");
    // The name is reserved again, although Valkey lost its data.
    await vi.waitFor(async () => expect(await bus.names()).toEqual(["ann"]), { timeout: 10_000 });
    expect(lines.filter((line) => line.startsWith("lost the connection"))).toHaveLength(1);
    await bus.leave("ann");
  });

  test("ends the stay of a guest whose name another process took after the lease expired", async () => {
    const bus = await connect(3000);
    const { enter } = testRoom({}, bus);
    const { guest } = await enter("ann");
    const other = createClient({ url });
    await other.connect();
    // Simulate an expired lease: another process owns the name now, and the local clock jumps past the lease.
    await other.zAdd("nacre-chat:names", { score: Date.now() + 1e6, value: "ann" });
    const now = performance.now.bind(performance);
    const spy = vi.spyOn(performance, "now").mockImplementation(() => now() + 10_000);
    await vi.waitFor(() => expect(guest.ends).toHaveLength(1), { timeout: 20_000 });
    expect(guest.ends[0]).toMatch(/given your name away/);
    spy.mockRestore();
    // The other process keeps the name.
    expect(await bus.names()).toEqual(["ann"]);
    await other.zRem("nacre-chat:names", "ann");
    other.destroy();
  });

  test("ignores messages of other programs", async () => {
    const bus = await connect(30_000);
    const { enter } = testRoom({}, bus);
    const { guest, stay } = await enter("ann");
    const other = createClient({ url });
    await other.connect();
    for (const message of ["hello", "null", "[]", '{"type":"said","name":"x\\u001b","text":"a"}', '{"type":"left"}'])
      await other.publish("nacre-chat:events", message);
    await stay.say("end");
    await vi.waitFor(() => expect(guest.lines.at(-1)).toBe("ann: end"), 20_000);
    expect(guest.lines).toEqual(["welcome ann: ann", "ann joined", "ann: end"]);
    other.destroy();
    await bus.leave("ann");
  });
});

test.each([
  ["a text with an escape sequence", '{"type":"said","name":"ann","text":"a\\u001b[2J"}'],
  ["a name that is not in canonical form", '{"type":"joined","name":"Ann"}'],
  ["an empty text", '{"type":"said","name":"ann","text":""}'],
  ["an unknown type", '{"type":"welcome","name":"ann","names":["x"]}'],
  ["a text that is too long", JSON.stringify({ type: "said", name: "ann", text: "a".repeat(501) })],
])("parseEvent ignores %s", (_, message) => expect(parseEvent(message)).toBeUndefined());
