import { expectError } from "@nacre/testing/errors";
import { Writer } from "@nacre/wire";
import { expect, test } from "vitest";
import { AgentClient, type AgentClientEvent, type AgentIdentity, encodeAnswer } from "../src/index.ts";
import { key, random, rsa } from "./support.ts";

// The names of these tests are in packages/testing/src/attacks/rows/agent.ts.

function frame(message: Uint8Array): Uint8Array {
  return new Writer().string(message).finish();
}

/** Returns the events of a client that sent requests and gets these bytes. */
function eventsOf(send: (client: AgentClient<string>) => void, bytes: Uint8Array): AgentClientEvent<string>[] {
  const client = new AgentClient<string>();
  send(client);
  client.receive(bytes);
  const events: AgentClientEvent<string>[] = [];
  for (let event = client.nextEvent(); event !== undefined; event = client.nextEvent()) events.push(event);
  return events;
}

/** Asserts that an answer ends the connection, and with it the request. */
function expectEnd(send: (client: AgentClient<string>) => void, bytes: Uint8Array, code: string): void {
  const events = eventsOf(send, bytes);
  expect(events).toMatchObject([
    { type: "unanswered", error: { code } },
    { type: "closed", error: { code, culprit: "peer" } },
  ]);
}

const list = (client: AgentClient<string>): void => client.list("");
const remove = (client: AgentClient<string>): void => client.removeAll("");
const identity: AgentIdentity = { publicKey: key.publicKey.blob, comment: "" };

test("agent: lengths of messages · client", () => {
  for (const length of [
    [0, 0, 0, 0],
    [0, 4, 0, 1],
    [255, 255, 255, 255],
  ])
    expectEnd(list, Uint8Array.from(length), "packet-length");
  expect(eventsOf(list, Uint8Array.of(0, 4, 0, 0))).toEqual([]);
});

test("agent: bytes after a message · client", () => {
  expectEnd(
    list,
    frame(Uint8Array.of(...encodeAnswer({ type: "identities", identities: [] }), 0)),
    "malformed-message",
  );
  expectEnd(remove, frame(Uint8Array.of(6, 0)), "malformed-message");
  expectEnd(list, frame(Uint8Array.of(5, 0)), "malformed-message");
});

test("agent: numbers of keys that are too high or lie · client", () => {
  const many = Array.from({ length: 2049 }, () => identity);
  expectEnd(list, frame(encodeAnswer({ type: "identities", identities: many })), "malformed-message");
  expect(eventsOf(list, frame(encodeAnswer({ type: "identities", identities: many.slice(1) })))).toMatchObject([
    { type: "identities", identities: { length: 2048 } },
  ]);
  for (const count of [1, 2, 0xffff_ffff])
    expectEnd(
      list,
      frame(
        new Writer()
          .byte(12)
          .uint32(count)
          .raw(Uint8Array.of(0, 0, 0, 0))
          .finish(),
      ),
      "malformed-message",
    );
});

test("agent: answers that do not fit the request · client", () => {
  const unasked = eventsOf(() => {}, frame(Uint8Array.of(6)));
  expect(unasked).toMatchObject([{ type: "closed", error: { code: "unexpected-message" } }]);
  const data = new Uint8Array(0);
  const answers = [
    { type: "success" },
    { type: "identities", identities: [] },
    { type: "signature", signature: key.sign("ssh-ed25519", data, random) },
    { type: "extension", name: "query", data },
  ] as const;
  const requests: Readonly<Record<string, (client: AgentClient<string>) => void>> = {
    success: remove,
    identities: list,
    signature: (client) => client.sign(key.publicKey.blob, "ssh-ed25519", data, ""),
    extension: (client) => client.query(""),
  };
  for (const [fits, send] of Object.entries(requests))
    for (const answer of answers)
      if (answer.type !== fits) expectEnd(send, frame(encodeAnswer(answer)), "unexpected-message");
  expectEnd(requests.extension!, frame(encodeAnswer({ type: "extension", name: "other", data })), "unexpected-message");
  expectEnd(list, frame(Uint8Array.of(7)), "unexpected-message");
});

test("agent: a signature with SHA-1 · client", () => {
  const data = Uint8Array.of(1, 2, 3);
  const client = new AgentClient<string>();
  for (const algorithm of ["ssh-rsa", "ssh-rsa-cert-v01@openssh.com", "ssh-ed25519"])
    expectError("usage", () => client.sign(rsa.publicKey.blob, algorithm, data, ""));
  const signature = new Writer().string("ssh-rsa").string(new Uint8Array(256)).finish();
  const events = eventsOf(
    (one) => one.sign(rsa.publicKey.blob, "rsa-sha2-512", data, ""),
    frame(encodeAnswer({ type: "signature", signature })),
  );
  expect(events).toMatchObject([{ type: "refused", error: { code: "agent-failed" } }]);
});

test("each kind of failure refuses one request, and the connection goes on", () => {
  for (const type of [5, 28, 30, 102]) {
    const events = eventsOf(
      (client) => {
        client.query("query");
        client.list("list");
      },
      Uint8Array.of(...frame(Uint8Array.of(type)), ...frame(encodeAnswer({ type: "identities", identities: [] }))),
    );
    expect(events).toMatchObject([
      { type: "refused", waiter: "query", error: { code: "agent-failed" } },
      { type: "identities", waiter: "list" },
    ]);
  }
});

test("a request that is too long is not sent", () => {
  const client = new AgentClient<string>();
  expectError("usage", () => client.sign(key.publicKey.blob, "ssh-ed25519", new Uint8Array(256 * 1024), ""));
  expect(client.unsent).toHaveLength(0);
  expectError("usage", () => client.sign(new Uint8Array(3), "ssh-ed25519", new Uint8Array(0), ""));
  expect(client.requestCount).toBe(0);
});
