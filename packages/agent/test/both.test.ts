import { ed25519, generateEcdsa, rsaSha2_256, rsaSha2_512 } from "@nacre/keys";
import { expectError } from "@nacre/testing/errors";
import { utf8Encode, Writer } from "@nacre/wire";
import { describe, expect, test } from "vitest";
import type { AgentClientEvent } from "../src/index.ts";
import { key, newAgent, other, Pair, random, rsa, toBastion } from "./support.ts";

const DATA = utf8Encode("what is signed");
const PASSPHRASE = utf8Encode("a passphrase");

function signatureIn(event: AgentClientEvent<string>): Uint8Array {
  if (event.type !== "signature") throw new Error(`expected a signature, got ${event.type}`);
  return event.signature;
}

/** Returns a certificate blob over a key, as far as an agent reads it. */
function certificateOf(format: string, publicPart: Uint8Array): Uint8Array {
  return new Writer()
    .string(`${format}-cert-v01@openssh.com`)
    .string("a nonce")
    .raw(publicPart.subarray(4 + format.length))
    .string("the rest")
    .finish();
}

describe("a client and an agent", () => {
  test("list, sign, remove and remove all", () => {
    const agent = newAgent();
    agent.add({ privateKey: key, comment: "one" }, 0);
    agent.add({ privateKey: other, comment: "two" }, 0);
    const pair = new Pair(agent);
    expect(pair.one((client) => client.list("all"))).toMatchObject({
      type: "identities",
      waiter: "all",
      identities: [
        { publicKey: key.publicKey.blob, comment: "one" },
        { publicKey: other.publicKey.blob, comment: "two" },
      ],
    });
    const signature = signatureIn(pair.one((client) => client.sign(key.publicKey.blob, "ssh-ed25519", DATA, "")));
    expect(ed25519.verify(key.publicKey.blob, DATA, signature)).toEqual({});
    expect(pair.type((client) => client.remove(key.publicKey.blob, ""))).toBe("success");
    expect(pair.type((client) => client.remove(key.publicKey.blob, ""))).toBe("refused");
    expect(pair.sign(DATA)).toBe("refused");
    expect(pair.comments()).toEqual(["two"]);
    expect(pair.type((client) => client.removeAll(""))).toBe("success");
    expect(pair.comments()).toEqual([]);
    expect(pair.served.map((event) => (event.type === "answered" ? event.request : event.type))).toEqual([
      "list",
      "sign",
      "remove",
      "remove",
      "sign",
      "list",
      "remove-all",
      "list",
    ]);
  });

  test("answers requests in order, in pieces of any size", () => {
    for (const size of [1, 2, 3, 7, 100]) {
      const pair = new Pair(newAgent());
      pair.client.add({ type: "plain", fields: key.fields }, "one", { lifetime: 9 }, "add");
      pair.client.list("list");
      pair.client.sign(key.publicKey.blob, "ssh-ed25519", DATA, "sign");
      pair.client.query("query");
      pair.client.removeAll("remove");
      expect(pair.client.requestCount).toBe(5);
      const events = pair.run(size);
      expect(events.map((event) => [event.type, "waiter" in event && event.waiter])).toEqual([
        ["success", "add"],
        ["identities", "list"],
        ["signature", "sign"],
        ["extensions", "query"],
        ["success", "remove"],
      ]);
      expect(events[3]).toMatchObject({ names: ["session-bind@openssh.com"] });
    }
  });

  test("a key of each format is added, with and without a certificate, and signs", () => {
    for (const one of [key, generateEcdsa("nistp256", random), generateEcdsa("nistp521", random), rsa]) {
      const pair = new Pair(newAgent());
      const { format, blob, algorithms } = one.publicKey;
      expect(pair.type((client) => client.add({ type: "plain", fields: one.fields }, "plain", {}, ""))).toBe("success");
      const certificate = certificateOf(format, blob);
      const added = { type: "certificate", certificate, fields: one.fields } as const;
      expect(pair.type((client) => client.add(added, "certificate", {}, ""))).toBe("success");
      expect(pair.comments()).toEqual(["plain", "certificate"]);
      const { name } = algorithms[0]!;
      for (const publicKey of [blob, certificate]) {
        const event = pair.one((client) => client.sign(publicKey, name, DATA, ""));
        expect(event.type, `${format} ${pair.client.requestCount}`).toBe("signature");
      }
      const event = pair.one((client) => client.sign(certificate, `${name}-cert-v01@openssh.com`, DATA, ""));
      expect(event.type).toBe("signature");
    }
  });

  test("an RSA key signs with the algorithm that was asked for", () => {
    const agent = newAgent();
    agent.add({ privateKey: rsa }, 0);
    const pair = new Pair(agent);
    for (const algorithm of [rsaSha2_256, rsaSha2_512]) {
      const signature = signatureIn(pair.one((client) => client.sign(rsa.publicKey.blob, algorithm.name, DATA, "")));
      expect(algorithm.verify(rsa.publicKey.blob, DATA, signature)).toEqual({});
    }
  });

  test("adding a key again replaces its comment and its constraints", () => {
    const agent = newAgent();
    const pair = new Pair(agent);
    const added = { type: "plain", fields: key.fields } as const;
    pair.one((client) => client.add(added, "one", { lifetime: 1 }, ""));
    pair.one((client) => client.add(added, "two", {}, ""));
    pair.now += 5000;
    expect(pair.comments()).toEqual(["two"]);
  });

  test("a lock hides everything until it is opened with the same passphrase", () => {
    const agent = newAgent();
    agent.add({ privateKey: key, comment: "one" }, 0);
    const pair = new Pair(agent);
    expect(pair.type((client) => client.unlock(PASSPHRASE, ""))).toBe("refused");
    expect(pair.type((client) => client.lock(PASSPHRASE, ""))).toBe("success");
    expect(agent.isLocked).toBe(true);
    expect(pair.type((client) => client.lock(PASSPHRASE, ""))).toBe("refused");
    expect(pair.comments()).toEqual([]);
    expect(pair.type((client) => client.unlock(PASSPHRASE, ""))).toBe("success");
    expect(pair.comments()).toEqual(["one"]);
  });

  test("a program adds and removes keys of its own agent", () => {
    const agent = newAgent({ maxKeys: 1 });
    agent.add({ privateKey: key, lifetime: 2 }, 1000);
    expect(agent.deadline).toBe(3000);
    expect(agent.keys(2999)).toEqual([{ publicKey: key.publicKey.blob, comment: "" }]);
    expectError("usage", () => agent.add({ privateKey: other }, 2999));
    expectError("usage", () => agent.add({ privateKey: key, destinations: [] }, 2999));
    expectError("usage", () => agent.add({ privateKey: key, lifetime: -1 }, 2999));
    agent.tick(3000);
    expect(agent.deadline).toBeUndefined();
    agent.add({ privateKey: other, destinations: [toBastion] }, 3000);
    expect(agent.remove(key.publicKey.blob, 3000)).toBe(false);
    expect(agent.remove(other.publicKey.blob, 3000)).toBe(true);
    expect(agent.keys(3000)).toEqual([]);
    agent.add({ privateKey: other }, 3000);
    agent.removeAll();
    expect(agent.keys(3000)).toEqual([]);
  });

  test("a connection ends after the answers to what was received", () => {
    const agent = newAgent();
    const pair = new Pair(agent);
    pair.client.list("");
    pair.connection.receive(pair.client.unsent);
    pair.connection.end();
    expect(pair.connection.nextEvent(0)).toMatchObject({ type: "answered", request: "list", isRefused: false });
    expect(pair.connection.nextEvent(0)).toBeUndefined();
    pair.connection.sent(pair.connection.unsent.length);
    expect(pair.connection.nextEvent(0)).toEqual({ type: "closed", error: undefined });
    expect(pair.connection.nextEvent(0)).toBeUndefined();
    expect(agent.connectionCount).toBe(0);
  });

  test("a client's connection ends without an error only while nothing is pending", () => {
    const idle = new Pair(newAgent());
    idle.client.end();
    expect(idle.client.nextEvent()).toEqual({ type: "closed", error: undefined });
    const waiting = new Pair(newAgent());
    waiting.client.list("a");
    waiting.client.list("b");
    waiting.client.end();
    const events = [waiting.client.nextEvent(), waiting.client.nextEvent(), waiting.client.nextEvent()];
    expect(events).toMatchObject([
      { type: "unanswered", waiter: "a", error: { code: "agent-failed" } },
      { type: "unanswered", waiter: "b", error: { code: "agent-failed" } },
      { type: "closed", error: { code: "agent-failed" } },
    ]);
    expectError("agent-failed", () => waiting.client.list(""));
  });
});

test("an agent wants the rest of a message of the maximum length, wherever it is cut", () => {
  const message = new Uint8Array(256 * 1024);
  const bytes = new Writer().string(message).finish();
  for (const cut of [1, 4, 5, message.length, message.length + 1, message.length + 3]) {
    const connection = newAgent().connect()!;
    connection.receive(bytes.subarray(0, cut));
    expect([cut, connection.nextEvent(0), connection.wantsInput]).toEqual([cut, undefined, true]);
    connection.receive(bytes.subarray(cut));
    expect(connection.wantsInput).toBe(false);
    expect(connection.nextEvent(0)).toMatchObject({ type: "answered" });
  }
});
