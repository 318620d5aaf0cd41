import type { Ed25519Fields } from "@nacre/keys";
import { expectError } from "@nacre/testing/errors";
import { utf8Encode, Writer } from "@nacre/wire";
import { expect, test } from "vitest";
import {
  type AddedKey,
  type AgentConnection,
  decodeRequest,
  encodeRequest,
  type KeyConstraints,
} from "../src/index.ts";
import { key, newAgent, other, Pair, rsa, stranger } from "./support.ts";

// The names of these tests are in packages/testing/src/attacks/rows/agent.ts.

const DATA = utf8Encode("what is signed");
const PASSPHRASE = utf8Encode("a passphrase");
const plain: AddedKey = { type: "plain", fields: key.fields };

function frame(message: Uint8Array): Uint8Array {
  return new Writer().string(message).finish();
}

function add(pair: Pair, constraints: KeyConstraints = {}, added: AddedKey = plain, comment = "one"): string {
  return pair.type((client) => client.add(added, comment, constraints, ""));
}

/** Returns a request that adds `key` with the bytes of its constraints. */
function constrained(constraints: Uint8Array): Uint8Array {
  const request = encodeRequest({ type: "add", key: plain, comment: "", constraints: {} });
  return Uint8Array.of(25, ...request.subarray(1), ...constraints);
}

/** Returns the type of the only event after a message of the client. */
function outcome(connection: AgentConnection, message: Uint8Array): string {
  connection.receive(frame(message));
  const event = connection.nextEvent(0)!;
  expect(connection.nextEvent(0)).toBeUndefined();
  connection.sent(connection.unsent.length);
  return event.type === "answered" ? `${event.request} ${event.isRefused ? "refused" : "done"}` : event.type;
}

test("agent: lengths of messages · server", () => {
  for (const length of [
    [0, 0, 0, 0],
    [0, 4, 0, 1],
    [255, 255, 255, 255],
  ]) {
    const agent = newAgent();
    const connection = agent.connect()!;
    connection.receive(Uint8Array.from(length));
    expect(connection.nextEvent(0)).toMatchObject({
      type: "closed",
      error: { code: "packet-length", culprit: "peer" },
    });
    expect(agent.connectionCount).toBe(0);
  }
  const within = newAgent().connect()!;
  within.receive(frame(new Uint8Array(10)).subarray(0, 5));
  within.end();
  expect(within.nextEvent(0)).toMatchObject({ type: "closed", error: { code: "connection-lost" } });
});

test("agent: bytes after a message · server", () => {
  const connection = newAgent().connect()!;
  expect(outcome(connection, Uint8Array.of(11, 0))).toBe("invalid refused");
  expect(outcome(connection, Uint8Array.of(19, 0))).toBe("invalid refused");
  // Constraints belong to another type of message.
  const unconstrained = Uint8Array.of(17, ...constrained(Uint8Array.of(2)).subarray(1));
  expect(outcome(connection, unconstrained)).toBe("invalid refused");
  // The connection goes on, also after requests of protocol 1, reserved ones and answers.
  for (const type of [0, 1, 4, 5, 6, 9, 12, 24, 28, 255])
    expect(outcome(connection, Uint8Array.of(type))).toBe("invalid refused");
  expect(outcome(connection, Uint8Array.of(11))).toBe("list done");
});

function sign(flags: number): Uint8Array {
  return encodeRequest({ type: "sign", publicKey: rsa.publicKey.blob, data: DATA, flags });
}

test("agent: a signature with SHA-1 · server", () => {
  const agent = newAgent();
  agent.add({ privateKey: rsa }, 0);
  expect(outcome(agent.connect()!, sign(0))).toBe("sign refused");
  expect(outcome(agent.connect()!, sign(1))).toBe("sign refused");
  expect(outcome(agent.connect()!, sign(6))).toBe("sign done");
});

/** Returns a constraint that is an extension. */
function extension(name: string, data: Uint8Array = new Uint8Array(0)): Uint8Array {
  return new Writer().byte(255).string(name).raw(data).finish();
}

test("agent: constraints that are unknown, repeated or malformed · server", () => {
  const lifetime = Uint8Array.of(1, 0, 0, 0, 9);
  expect(decodeRequest(constrained(lifetime))).toMatchObject({ constraints: { lifetime: 9 } });
  const refused = [
    Uint8Array.of(3),
    Uint8Array.of(1, 0, 0),
    Uint8Array.of(...lifetime, ...lifetime),
    Uint8Array.of(2, 2),
    extension("unknown@example.org", Uint8Array.of(0, 0, 0, 0, 0)),
    extension("sk-provider@openssh.com"),
  ];
  for (const constraints of refused) {
    expectError("malformed-message", () => decodeRequest(constrained(constraints)));
    const agent = newAgent();
    expect(outcome(agent.connect()!, constrained(constraints))).toBe("invalid refused");
    expect(agent.keys(0)).toEqual([]);
  }
});

interface RawHop {
  readonly user?: string;
  readonly host?: string;
  readonly reserved?: string;
  readonly keys?: number;
}

/** Returns a restrict-destination constraint, with the fields of hops as they are. */
function restricted(from: RawHop, to: RawHop, reserved = "", trailing = "", count = 1): Uint8Array {
  const hop = (one: RawHop): Uint8Array => {
    const writer = new Writer()
      .string(one.user ?? "")
      .string(one.host ?? "")
      .string(one.reserved ?? "");
    for (let i = 0; i < (one.keys ?? 0); i++) writer.string(stranger.publicKey.blob).boolean(false);
    return writer.finish();
  };
  const constraint = new Writer().string(hop(from)).string(hop(to)).string(reserved).raw(utf8Encode(trailing)).finish();
  const list = new Writer();
  for (let i = 0; i < count; i++) list.string(constraint);
  return new Writer().byte(255).string("restrict-destination-v00@openssh.com").string(list.finish()).finish();
}

test("agent: destinations that are empty or malformed · server", () => {
  const host = { host: "host", keys: 1 };
  for (const constraint of [restricted({}, host), restricted(host, { ...host, user: "a".repeat(256) })])
    expect(decodeRequest(constrained(constraint))).toMatchObject({ constraints: { destinations: { length: 1 } } });
  const refused = [
    restricted({}, host, "", "", 0),
    restricted({}, host, "", "", 1025),
    restricted({}, host, "reserved"),
    restricted({}, host, "", "left over"),
    restricted({ user: "alice" }, host),
    restricted({ host: "host" }, host),
    restricted({ keys: 1 }, host),
    restricted({ reserved: "x" }, host),
    restricted({}, { ...host, reserved: "x" }),
    restricted({}, { host: "host" }),
    restricted({}, { keys: 1 }),
    restricted({}, { ...host, user: "a".repeat(257) }),
  ];
  for (const constraint of refused) {
    expectError("malformed-message", () => decodeRequest(constrained(constraint)));
    expect(outcome(newAgent().connect()!, constrained(constraint))).toBe("invalid refused");
  }
});

test("agent: libraries named by a path · server", () => {
  const pair = new Pair(newAgent());
  const publicKey = new Writer()
    .string("sk-ssh-ed25519@openssh.com")
    .string(key.publicKey.blob.subarray(-32))
    .string("ssh:")
    .finish();
  const securityKey: AddedKey = { type: "security-key", publicKey, flags: 1, keyHandle: DATA };
  expect(add(pair, {}, securityKey)).toBe("refused");
  expect(add(pair, { provider: "/tmp/evil.so" })).toBe("refused");
  expect(add(pair, { provider: "/tmp/evil.so" }, securityKey)).toBe("refused");
  const pin = utf8Encode("1234");
  const id = "/tmp/evil.so";
  expect(pair.type((client) => client.request({ type: "add-smartcard", id, pin, constraints: {} }, ""))).toBe(
    "refused",
  );
  expect(
    pair.type((client) => client.request({ type: "add-smartcard", id, pin, constraints: { confirm: true } }, "")),
  ).toBe("refused");
  expect(pair.type((client) => client.request({ type: "remove-smartcard", id, pin }, ""))).toBe("refused");
  const associatedCertificates = { certificatesOnly: true, certificates: [] };
  expect(add(pair, { associatedCertificates })).toBe("refused");
  expect(pair.comments()).toEqual([]);
});

test("agent: keys that do not fit together · server", () => {
  const pair = new Pair(newAgent());
  const { publicKey } = other.fields as Ed25519Fields;
  const mixed = { ...key.fields, publicKey };
  expect(add(pair, {}, { type: "plain", fields: mixed })).toBe("refused");
  const certificate = new Writer()
    .string("ssh-ed25519-cert-v01@openssh.com")
    .string("nonce")
    .string(publicKey)
    .finish();
  expect(add(pair, {}, { type: "certificate", certificate, fields: key.fields })).toBe("refused");
  expect(pair.comments()).toEqual([]);
});

test("agent: connections, keys and answers without an end · server", () => {
  const agent = newAgent({ maxConnections: 2, maxKeys: 1, maxUnsent: 5 });
  const pair = new Pair(agent);
  const second = agent.connect()!;
  expect(agent.connect()).toBeUndefined();
  second.close();
  second.close();
  expect(agent.connectionCount).toBe(1);

  expect(add(pair)).toBe("success");
  expect(add(pair)).toBe("success");
  expect(add(pair, {}, { type: "plain", fields: other.fields })).toBe("refused");

  const list = frame(Uint8Array.of(11));
  for (let i = 0; i < 3; i++) pair.connection.receive(list);
  expect(pair.connection.nextEvent(0)).toMatchObject({ request: "list" });
  expect(pair.connection.nextEvent(0)).toBeUndefined();
  pair.connection.sent(pair.connection.unsent.length);
  expect(pair.connection.nextEvent(0)).toMatchObject({ request: "list" });
  expect(pair.connection.wantsInput).toBe(true);
  pair.connection.receive(new Uint8Array(256 * 1024));
  expect(pair.connection.wantsInput).toBe(false);
});

test("agent: comments that a list cannot hold · server", () => {
  const pair = new Pair(newAgent());
  const comment = "a".repeat(100_000);
  expect(add(pair, {}, plain, comment)).toBe("success");
  expect(add(pair, {}, { type: "plain", fields: other.fields }, comment)).toBe("success");
  expect(add(pair, {}, { type: "plain", fields: stranger.fields }, comment)).toBe("refused");
  expect(pair.comments()).toHaveLength(2);
});

test("agent: a key after its lifetime · server", () => {
  const pair = new Pair(newAgent());
  expect(add(pair, { lifetime: 2 })).toBe("success");
  pair.now += 1999;
  expect(pair.sign(DATA)).toBe("signature");
  pair.now += 1;
  expect(pair.sign(DATA)).toBe("refused");
  expect(pair.comments()).toEqual([]);
  expect(add(pair, { lifetime: 0 })).toBe("success");
  expect(pair.sign(DATA)).toBe("refused");
});

test("agent: a locked agent · server", () => {
  const agent = newAgent();
  agent.add({ privateKey: key, comment: "one" }, 0);
  const pair = new Pair(agent);
  expect(pair.type((client) => client.lock(new Uint8Array(0), ""))).toBe("refused");
  pair.one((client) => client.lock(PASSPHRASE, ""));
  expect(pair.comments()).toEqual([]);
  expect(pair.sign(DATA)).toBe("refused");
  expect(add(pair)).toBe("refused");
  expect(pair.type((client) => client.remove(key.publicKey.blob, ""))).toBe("refused");
  expect(pair.type((client) => client.removeAll(""))).toBe("refused");
  expect(pair.type((client) => client.query(""))).toBe("refused");
  expect(pair.type((client) => client.lock(DATA, ""))).toBe("refused");
  // A bind is answered.
  expect(pair.bind(stranger, "session", true)).toBe("success");
  expect(pair.type((client) => client.unlock(PASSPHRASE, ""))).toBe("success");
  expect(pair.comments()).toEqual(["one"]);
});

/** Tries to unlock the agent. Returns the type of the event, or `undefined` if the answer waits. */
function tryWith(pair: Pair, passphrase: Uint8Array): string | undefined {
  pair.client.unlock(passphrase, "");
  return pair.run()[0]?.type;
}

test("agent: guesses of the passphrase · server", () => {
  const agent = newAgent();
  const first = new Pair(agent);
  const second = new Pair(agent);
  first.one((client) => client.lock(PASSPHRASE, ""));
  const wrong = utf8Encode("wrong");
  expect(tryWith(first, wrong)).toBe("refused");
  expect(tryWith(first, wrong)).toBeUndefined();
  // All connections share the wait, even for the right one. Everything else goes on.
  expect(tryWith(second, PASSPHRASE)).toBeUndefined();
  expect(new Pair(agent).comments()).toEqual([]);
  expect(first.connection.deadline).toBe(first.now + 100);
  first.now += 99;
  expect(first.run()).toEqual([]);
  first.now += 1;
  expect(first.run()).toMatchObject([{ type: "refused" }]);
  expect(second.connection.deadline).toBe(first.now + 200);
  second.now = first.now + 200;
  expect(second.run()).toMatchObject([{ type: "success" }]);
  expect(agent.isLocked).toBe(false);
  expect(second.connection.deadline).toBeUndefined();
});

test("agent: the wait after wrong passphrases grows to ten seconds", () => {
  const agent = newAgent();
  const pair = new Pair(agent);
  pair.one((client) => client.lock(PASSPHRASE, ""));
  const waits: number[] = [];
  for (let i = 0; i < 105; i++) {
    pair.client.unlock(DATA, "");
    pair.run();
    const before = pair.now;
    pair.now = pair.connection.deadline ?? pair.now;
    waits.push(pair.now - before);
    pair.run();
  }
  expect(waits.slice(0, 3)).toEqual([0, 100, 200]);
  expect(waits.at(-1)).toBe(10_000);
});

test("agent: signatures that must be confirmed · server", () => {
  const agent = newAgent();
  const pair = new Pair(agent);
  add(pair, { confirm: true });
  const ask = (): { readonly token: { readonly about: string } } => {
    pair.served.length = 0;
    pair.client.sign(key.publicKey.blob, "ssh-ed25519", DATA, "");
    expect(pair.run()).toEqual([]);
    const [event] = pair.served;
    if (event?.type !== "confirm") throw new Error("expected an ask");
    expect(event).toMatchObject({ publicKey: key.publicKey.blob, comment: "one", userName: undefined, hostKeys: [] });
    return event;
  };
  const answer = (token: { readonly about: string }, isAllowed: boolean): string => {
    pair.connection.confirm(token, isAllowed, pair.now);
    return pair.run()[0]!.type;
  };
  expect(answer(ask().token, true)).toBe("signature");
  expect(answer(ask().token, false)).toBe("refused");

  const used = ask();
  expectError("usage", () => pair.connection.confirm({ about: "sign" }, true, 0));
  expect(answer(used.token, true)).toBe("signature");
  expectError("usage", () => pair.connection.confirm(used.token, true, 0));

  // While a person thinks, the agent is locked, and the key expires, is removed or replaced.
  const whileLocked = ask();
  const second = new Pair(agent);
  second.one((client) => client.lock(PASSPHRASE, ""));
  expect(answer(whileLocked.token, true)).toBe("refused");
  second.one((client) => client.unlock(PASSPHRASE, ""));
  const whileRemoved = ask();
  second.one((client) => client.removeAll(""));
  expect(answer(whileRemoved.token, true)).toBe("refused");

  add(pair, { confirm: true });
  const atTheEnd = ask();
  pair.connection.close();
  pair.connection.confirm(atTheEnd.token, true, 0);
  expect(pair.connection.unsent).toHaveLength(0);
  expect(pair.connection.nextEvent(0)).toEqual({ type: "closed", error: undefined });
  expectError("usage", () => pair.connection.confirm(atTheEnd.token, true, 0));
});
