import { decodeAnswer, encodeRequest, type SessionBind, sessionBind } from "@nacre/agent";
import { generateEd25519, type PrivateKey } from "@nacre/keys";
import { Reader, Writer } from "@nacre/wire";
import type { Duplex } from "nacre/extend";
import { expect, onTestFinished, test } from "vitest";
import { createAgent, type SshAgent } from "../src/index.ts";
import { AgentLink } from "../src/keys/agent-link.ts";
import { defaultAgent } from "../src/keys/agent-path.ts";
import { AnsweringDuplex } from "../src/keys/answering-duplex.ts";
import { type AgentFilter, FilteredAgent } from "../src/keys/filtered-agent.ts";

const keyOf = (number: number): PrivateKey => generateEd25519((length) => new Uint8Array(length).fill(number));
const [key, other, host, second] = [keyOf(1), keyOf(2), keyOf(3), keyOf(4)] as [
  PrivateKey,
  PrivateKey,
  PrivateKey,
  PrivateKey,
];
const data = new Uint8Array(40);

function bindOf(hostKey: PrivateKey, sessionId: Uint8Array, isForwarding: boolean): SessionBind {
  const signature = hostKey.sign("ssh-ed25519", sessionId, (length) => new Uint8Array(length));
  return { hostKey: hostKey.publicKey.blob, sessionId, signature, isForwarding };
}

async function agentOf(...keys: readonly PrivateKey[]): Promise<SshAgent> {
  const agent = createAgent({ confirm: () => true });
  onTestFinished(() => agent.close());
  for (const one of keys) await agent.add(one);
  return agent;
}

/** The agent as a server gets it, and what it asks there. */
async function filtered(agent: SshAgent, filter: AgentFilter): Promise<Duplex> {
  const link = new AgentLink(agent.connect(), "test");
  const bind = bindOf(host, new Uint8Array(32).fill(1), true);
  await link.bind(bind, { timeout: 1000 });
  const duplex = new AnsweringDuplex(new FilteredAgent(link, filter, bind));
  onTestFinished(() => duplex.close());
  return duplex;
}

type Request = Parameters<AgentLink["request"]>[0];

/** Sends requests to an agent in turn. Returns the type of each answer, and for a list the number of keys. */
async function answers(duplex: Duplex, ...requests: readonly Request[]): Promise<(string | number)[]> {
  const link = new AgentLink(duplex, "test");
  const outcomes: (string | number)[] = [];
  for (const request of requests) {
    const answer = await link.request(request, { timeout: 1000 });
    outcomes.push(answer.type === "identities" ? answer.identities.length : answer.type);
  }
  await link.close();
  return outcomes;
}

const list: Request = (client, waiter) => client.list(waiter);
const signWith =
  ({ publicKey }: PrivateKey): Request =>
  (client, waiter) =>
    client.sign(publicKey.blob, "ssh-ed25519", data, waiter);

test("agent forwarding: more keys and requests than a filter permits · client", async () => {
  const only: AgentFilter = ({ publicKey }) => Buffer.compare(publicKey, key.publicKey.blob) === 0;
  const agent = await agentOf(key, other);
  expect(await answers(await filtered(agent, only), list, signWith(key), signWith(other), signWith(second))).toEqual([
    1,
    "signature",
    "refused",
    "refused",
  ]);
  // Only `true` permits.
  for (const verdict of [undefined, null, 1, "yes", {}, Promise.resolve(1), Promise.reject(new Error("no"))]) {
    if (verdict instanceof Promise) verdict.catch(() => {});
    expect(await answers(await filtered(agent, () => verdict as never), list, signWith(key))).toEqual([0, "refused"]);
  }
  expect(
    await answers(
      await filtered(agent, () => {
        throw new Error("no");
      }),
      list,
      signWith(key),
    ),
  ).toEqual([0, "refused"]);
  // Nothing but these requests reaches the agent.
  const passphrase = new Uint8Array(3);
  expect(
    await answers(
      await filtered(agent, () => true),
      (client, waiter) => client.lock(passphrase, waiter),
      (client, waiter) => client.remove(key.publicKey.blob, waiter),
      (client, waiter) => client.removeAll(waiter),
      (client, waiter) => client.add({ type: "plain", fields: second.fields }, "", {}, waiter),
      (client, waiter) => client.query(waiter),
      (client, waiter) => client.request({ type: "remove-smartcard", id: "x", pin: passphrase }, waiter),
      list,
    ),
  ).toEqual(["refused", "refused", "refused", "refused", "refused", "refused", 2]);
  expect([agent.isLocked, agent.keys().length]).toEqual([false, 2]);
  // A false bind hides all keys: nobody knows where they would go.
  const good = bindOf(second, new Uint8Array(32).fill(2), false);
  const bad = { ...good, hostKey: other.publicKey.blob };
  const bind =
    (value: SessionBind): Request =>
    (client, waiter) =>
      client.bindSession(value, waiter);
  expect(await answers(await filtered(agent, () => true), bind(good), list, signWith(key))).toEqual([
    "success",
    2,
    "signature",
  ]);
  expect(await answers(await filtered(agent, () => true), bind(bad), list, signWith(key))).toEqual([
    "refused",
    0,
    "refused",
  ]);
  // Malformed requests are refused, one by one.
  const raw = await filtered(agent, () => true);
  const types: string[] = [];
  raw.open({
    data: (chunk) => types.push(decodeAnswer(new Reader(chunk, "answer").string("message")).type),
    drained() {},
    ended() {},
    failed() {},
  });
  const malformed = sessionBind.encode(good).subarray(1);
  const requests = [
    Uint8Array.of(200),
    Uint8Array.of(13, 0),
    encodeRequest({ type: "extension", name: "session-bind@openssh.com", data: malformed }),
    encodeRequest({ type: "list" }),
  ];
  for (const request of requests) raw.write([new Writer().string(request).finish()]);
  await expect.poll(() => types).toEqual(["failure", "failure", "failure", "identities"]);
});

test("agent: a confirmation by a value that is not true · client", async () => {
  for (const verdict of [undefined, null, 1, "yes", {}, Promise.resolve("true")]) {
    const agent = createAgent({ confirm: () => verdict as never });
    onTestFinished(() => agent.close());
    await agent.add(key, { confirm: true });
    expect(await answers(agent.connect(), signWith(key))).toEqual(["refused"]);
  }
  const agent = await agentOf();
  await agent.add(key, { confirm: true });
  expect(await answers(agent.connect(), signWith(key))).toEqual(["signature"]);
});

test("agent: a pipe of another user · client", () => {
  const find = (...names: readonly string[]): string | undefined =>
    defaultAgent({ platform: "win32", socket: undefined, user: () => "john", pipes: () => names });
  expect(find("pageant.john.0a1b")).toBe("\\\\.\\pipe\\pageant.john.0a1b");
  for (const name of [
    "pageant.john.smith.0a1b",
    "pageant.john.",
    "pageant.johnny.0a",
    "xpageant.john.0a",
    "pageant.john.0a.b",
  ])
    expect([name, find(name)]).toEqual([name, undefined]);
});
