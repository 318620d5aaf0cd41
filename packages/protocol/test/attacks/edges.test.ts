import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as message from "@nacre/testing/attacks/messages";
import {
  type AnyEvent,
  algorithms,
  hostKey,
  type ProtocolTarget,
  userKey,
} from "@nacre/testing/attacks/protocol-target";
import { collectGarbage } from "@nacre/testing/garbage";
import { open, visitor, wire } from "@nacre/testing/nacre/wire";
import { seededRandom } from "@nacre/testing/random";
import { SSH_MSG_CHANNEL_OPEN_FAILURE, SSH_MSG_DISCONNECT, SshError, type SshErrorCode, Writer } from "@nacre/wire";
import { expect, test } from "vitest";
import { oneLine } from "../../../cli/src/one-line.ts";
import { parseAuthorizedKeys } from "../../../keyfiles/src/authorized-keys.ts";
import { type ConnectOptions, connect, type ServeOptions, type Session, serve } from "../../../nacre/src/index.ts";
import type { Duplex } from "../../../nacre/src/mux/duplex.ts";
import { type DrivenMachine, Engine } from "../../../nacre/src/mux/engine.ts";
import { agentIdentities } from "../../../node/src/keys/agent.ts";
import { ClientTarget } from "./support/client-target.ts";
import { afterSteps, CLIENT, type Kit, SERVER } from "./support/kits.ts";

/** Returns as many names as fit into a KEXINIT of `length` bytes. */
const names = (length: number): string[] =>
  Array.from({ length: Math.floor(length / 3) }, (_, i) => `${10 + (i % 90)}`);

/** Returns the bytes of heap and buffers after garbage collection. */
async function memory(): Promise<number> {
  await collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

async function workBeforeLogin(kit: Kit): Promise<void> {
  const count = 99;
  const targets = [afterSteps(kit, 1)];
  const before = await memory();
  for (let i = 0; i < count; i++) {
    const target = afterSteps(kit, 1, { peer: { strict: false } });
    const proposal = target.peer.proposal();
    target.deliver(target.peer.seal(target.peer.makeInit({ ...proposal, languagesClientToServer: names(34_000) })));
    target.machine.releaseBuffers();
    targets.push(target);
  }
  // Each protocol machine keeps its KEXINIT of up to 35,000 bytes, its other state, and the test's peer.
  expect(((await memory()) - before) / count).toBeLessThan(150_000);
  for (const target of targets) expect(target.error?.message).toBeUndefined();

  const larger = afterSteps(kit, 1, { peer: { strict: false } });
  larger.peer.init({ languagesClientToServer: names(35_000) });
  larger.expectClosed("packet-length");
}

test("work before login · client", () => workBeforeLogin(CLIENT));
test("work before login · server", async () => {
  await workBeforeLogin(SERVER);
  // Before login, the small packet limit still applies under the first keys.
  const target = SERVER.create().handshake();
  target.peer.send(message.ignore(35_000));
  target.expectClosed("packet-length");
});

/** Returns the largest number of events of this type within one turn. */
function longestTurn(events: readonly AnyEvent[], type: AnyEvent["type"]): number {
  let [longest, run] = [0, 0];
  for (const event of events) {
    if (event.type === "yield") run = 0;
    else if (event.type === type) longest = Math.max(longest, ++run);
  }
  return longest;
}

type Yield = Extract<AnyEvent, { type: "yield" }>;

/** Engine of a protocol machine with three turns of work. It yields twice in each turn, and each time adds its name to `order`. */
function busyEngine(name: string, order: string[]): Engine<Yield> {
  let left = 6;
  const machine: Partial<DrivenMachine<Yield>> = {
    wantsInput: true,
    tick() {},
    receive() {},
    releaseBuffers() {},
    takeOutput: () => [],
    deadline: () => undefined,
    nextEvent() {
      if (left-- <= 0) return undefined;
      order.push(name);
      return { type: "yield" };
    },
  };
  const duplex: Partial<Duplex> = { pause() {}, resume() {} };
  return new Engine(duplex as Duplex, machine as DrivenMachine<Yield>, {
    event() {},
    closed() {},
  });
}

/** Engine with endless output, on a socket that has room again right after each of the first ten writes. */
function greedyEngine(): { readonly engine: Engine<Yield>; readonly writes: () => number } {
  let written = 0;
  const machine: Partial<DrivenMachine<Yield>> = {
    wantsInput: true,
    tick() {},
    releaseBuffers() {},
    deadline: () => undefined,
    nextEvent: () => undefined,
    takeOutput: () => [new Uint8Array(1)],
  };
  const duplex: Partial<Duplex> = {
    pause() {},
    resume() {},
    write() {
      if (++written < 10) process.nextTick(() => engine.drained());
      return false;
    },
  };
  const engine = new Engine(duplex as Duplex, machine as DrivenMachine<Yield>, { event() {}, closed() {} });
  return { engine, writes: () => written };
}

async function oneEventLoop(kit: Kit): Promise<void> {
  // Many packets in one chunk: with one byte of data each, and without events.
  const data = kit.create({ hold: ["data"] }).login();
  data.openChannel();
  const flood = Array.from({ length: 1000 }, () => data.peer.seal(message.channelData(0, 1)));
  data.deliver(new Uint8Array(flood.flatMap((packet) => [...packet])));
  expect(data.eventsOf("data")).toHaveLength(1000);
  expect(longestTurn(data.events, "data")).toBeLessThanOrEqual(256);
  const silent = kit.create().login();
  const before = silent.eventsOf("yield").length;
  const ignored = Array.from({ length: 1000 }, () => silent.peer.seal(message.ignore()));
  silent.deliver(new Uint8Array(ignored.flatMap((packet) => [...packet])));
  expect(silent.eventsOf("yield").length - before).toBeGreaterThanOrEqual(3);

  // A peer with a packet size of one byte. The write continues in the next turn, even if the peer has read nothing.
  const sending = kit.create().login();
  const channel = sending.openChannel({ maximumPacketSize: 1 });
  sending.reading = false;
  const taken = sending.machine.connection.write(channel, new Uint8Array(10_000));
  expect(taken).toBeGreaterThan(0);
  expect(taken).toBeLessThanOrEqual(256);
  sending.turn();
  expect(sending.eventsOf("writable")).toHaveLength(1);

  // Connections alternate. Neither input nor calls of the application start a turn early.
  const order: string[] = [];
  const [one, other] = [busyEngine("one", order), busyEngine("other", order)];
  one.turn();
  one.touch();
  one.data(new Uint8Array(1));
  await Promise.resolve();
  one.turn();
  expect(order).toEqual(["one", "one"]);
  other.turn();
  for (let rounds = 0; rounds < 10; rounds++) await new Promise((resolve) => setImmediate(resolve));
  const both = ["one", "one", "other", "other"];
  expect(order).toEqual([...both, ...both, ...both]);

  // Even a fast socket is written to only once per round of the event loop.
  const greedy = greedyEngine();
  greedy.engine.turn();
  await new Promise<void>((resolve) => process.nextTick(resolve));
  expect(greedy.writes()).toBe(1);

  // The text of DEBUG is truncated when it is parsed.
  const long: ProtocolTarget = kit.create().login();
  long.peer.send(message.debug(" ".repeat(250_000)));
  expect(long.eventsOf("debug").map((event) => event.message.length)).toEqual([1025]);
}

test("one event loop · client", async () => {
  await oneEventLoop(CLIENT);
  const target = new ClientTarget().login();
  const recipientChannel = target.machine.connection.openChannel("session");
  const description = `a${" ".repeat(250_000)}b`;
  target
    .turn()
    .peer.send(SSH_MSG_CHANNEL_OPEN_FAILURE.encode({ recipientChannel, reasonCode: 2, description, languageTag: "" }));
  expect(target.eventsOf("channel-open-failed").map((event) => event.description.length)).toEqual([1025]);
  expect(oneLine(`a${" ".repeat(100_000)}b\n c`)).toHaveLength(100_004);
});

test("one event loop · server", async () => {
  await oneEventLoop(SERVER);
  // Users write authorized_keys themselves, so its patterns must not backtrack on each space.
  const { blob } = userKey.publicKey;
  const line = `ssh-ed25519 ${Buffer.from(blob).toString("base64")}${" ".repeat(1000)}\u2028`;
  const { problems } = parseAuthorizedKeys(line);
  expect(problems).toEqual([]);
});

const SECRET = "/home/alice/.ssh/agent.sock";
/** Functions that throw what a callback may throw: own errors, and errors that look like protocol errors. */
const FAILURES: readonly (() => never)[] = [
  ...(["agent-failed", "kex-failed", "file-unreadable"] as const satisfies readonly SshErrorCode[]),
  undefined,
].map((code) => () => {
  throw code === undefined ? new Error(SECRET) : new SshError(code, `${SECRET} cannot be used`);
});

/** Connects both sides with these options. Returns the trace of what each side received, and whether the client failed. */
async function overheard(
  client: Partial<ConnectOptions>,
  server: Partial<ServeOptions<Session>>,
): Promise<{ readonly byServer: string; readonly byClient: string; readonly ended: boolean }> {
  const { near, far } = wire();
  const heard = { byServer: "", byClient: "" };
  const connection = serve(far, {
    ...open,
    authenticate: () => true,
    algorithms,
    ...server,
    trace: (record) => {
      if (record.type === "packet" && record.direction === "received")
        heard.byServer += `${record.message} ${record.summary}\n`;
    },
  });
  let ended = false;
  const options: ConnectOptions = {
    ...visitor,
    identities: [userKey],
    algorithms,
    ...client,
    trace: (record) => {
      if (record.type === "packet" && record.direction === "received")
        heard.byClient += `${record.message} ${record.summary}\n`;
    },
  };
  try {
    await using connected = await connect(near, options);
    const { stdout, stderr } = await connected.exec("x", { env: { A: "b" }, pty: true });
    heard.byClient += stdout + stderr;
  } catch {
    ended = true;
  }
  await connection.close();
  return { ...heard, ended };
}

/** Returns a random source that fails once, after this many calls. */
function failingOnce(after: number, fail: () => never): (length: number) => Uint8Array {
  const random = seededRandom(after);
  let calls = 0;
  return (length) => (calls++ === after ? fail() : random(length));
}

test("what leaves · client", async () => {
  const remote = { publicKey: userKey.publicKey };
  const aborted = AbortSignal.abort(new SshError("kex-failed", SECRET));
  for (const fail of FAILURES) {
    const ways: Readonly<Record<string, readonly [Partial<ConnectOptions>, Partial<ServeOptions<Session>>?]>> = {
      hostKey: [{ hostKey: fail }],
      "hostKey, later": [{ hostKey: async () => fail() }],
      identity: [{ identities: [{ ...remote, sign: fail }] }],
      "identity, later": [{ identities: [{ ...remote, sign: async () => fail() }] }],
      "key in memory": [{ identities: [{ ...userKey, sign: fail }] }],
      password: [{ identities: [], password: fail }, { methods: ["password"] }],
      "another password": [
        { identities: [], password: "old", changePassword: fail },
        { methods: ["password"], authenticate: () => ({ changePassword: "choose another" }) },
      ],
      prompts: [
        { identities: [], prompts: fail },
        {
          methods: ["keyboard-interactive"],
          authenticate: async (login) => login.method === "keyboard-interactive" && (await login.ask(["?"])).length > 1,
        },
      ],
      signal: [{ signal: aborted }],
    };
    for (const [way, [client, server = {}]] of Object.entries(ways)) {
      const { byServer, ended } = await overheard(client, server);
      expect([way, ended]).toEqual([way, true]);
      expect([way, byServer]).toEqual([way, expect.stringContaining(SSH_MSG_DISCONNECT.name)]);
      expect(byServer).not.toContain("alice/");
    }
    const { byServer } = await overheard({ keyLog: fail }, {});
    expect(byServer).not.toContain("alice/");
    for (let calls = 0; calls < 4; calls++)
      expect((await overheard({ random: failingOnce(calls, fail) }, {})).byServer).not.toContain("alice/");
  }

  // An agent that lists its keys but closes the connection when asked to sign.
  const folder = mkdtempSync(join(tmpdir(), "nacre-agent-"));
  const path = join(folder, "agent.sock");
  const keys = new Writer().byte(12).uint32(1).string(userKey.publicKey.blob).string("mine").finish();
  const agent = createServer((socket) =>
    socket
      .on("error", () => {})
      .on("data", (chunk) => (chunk[4] === 11 ? socket.end(new Writer().string(keys).finish()) : socket.destroy())),
  );
  try {
    await new Promise<void>((resolve) => agent.listen(path, resolve));
    const { byServer, ended } = await overheard({ identities: await agentIdentities(path) }, {});
    expect(ended).toBe(true);
    expect(byServer).toContain(SSH_MSG_DISCONNECT.name);
    expect(byServer).not.toContain(folder);
  } finally {
    await new Promise((resolve) => agent.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  }

  // The peer receives the reason for which the protocol rejected its input.
  const target = new ClientTarget().login();
  target.peer.send(message.channelData(7, 1));
  target.expectClosed("channel-unknown");
  expect(SSH_MSG_DISCONNECT.decode(target.peer.last(SSH_MSG_DISCONNECT.number)).description).toContain("channel 7");
});

const done = (): number => 0;

test("what leaves · server", async () => {
  for (const fail of FAILURES) {
    const ways: Readonly<Record<string, Partial<ServeOptions<Session>>>> = {
      "host key": { hostKeys: [{ publicKey: hostKey.publicKey, sign: fail }] },
      "host key, later": { hostKeys: [{ publicKey: hostKey.publicKey, sign: async () => fail() }] },
      "host key in memory": { hostKeys: [{ ...hostKey, sign: fail }] },
      authenticate: { authenticate: fail },
      "authenticate, later": { authenticate: async () => fail() },
      acceptEnv: { session: done, acceptEnv: fail },
      acceptPty: { session: done, acceptPty: fail },
      session: { session: fail },
      "session, later": { session: async () => fail() },
      log: { session: done, log: fail },
      "key log": { session: done, keyLog: fail },
    };
    for (const [way, server] of Object.entries(ways)) {
      const { byClient } = await overheard({}, server);
      expect(byClient).not.toContain("alice/");
      if (way.startsWith("host key")) expect([way, byClient]).toEqual([way, expect.stringContaining("DISCONNECT")]);
    }
    for (let calls = 0; calls < 4; calls++)
      expect((await overheard({}, { random: failingOnce(calls, fail) })).byClient).not.toContain("alice/");
  }

  const target = SERVER.create().login();
  target.peer.send(message.channelData(7, 1));
  target.expectClosed("channel-unknown");
  expect(SSH_MSG_DISCONNECT.decode(target.peer.last(SSH_MSG_DISCONNECT.number)).description).toContain("channel 7");
});
