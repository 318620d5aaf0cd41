import { decodeAnswer, encodeRequest, type SessionBind, sessionBind } from "@nacre/agent";
import type { ConfigValues } from "@nacre/config";
import type { PrivateKey } from "@nacre/keys";
import { Reader, Writer } from "@nacre/wire";
import type { Duplex } from "nacre/extend";
import { expect, onTestFinished, test, vi } from "vitest";
import type { About } from "../src/connect/config-rows.ts";
import { forwardedAgent as optionFor } from "../src/connect/forwarded-agent.ts";
import {
  type ConnectOptions,
  connect,
  createAgent,
  type ForwardedKey,
  forwardedAgent,
  listen,
  type NodeSession,
  type SshAgent,
} from "../src/index.ts";
import { AgentLink } from "../src/keys/agent-link.ts";
import { AnsweringDuplex } from "../src/keys/answering-duplex.ts";
import { type AgentFilter, FilteredAgent } from "../src/keys/filtered-agent.ts";
import {
  answers,
  host,
  hostA,
  hostB,
  key,
  keyOf,
  list,
  loggedIn,
  nameOf,
  other,
  type Request,
  signWith,
  to,
  warnings,
} from "./agent-support.ts";
import { codeOf, serve, socketPath, temporaryFolder } from "./support.ts";

const third = keyOf(4);
const GRANTED = { agentForwarding: true };

/** A session that logs in to another host with the client's agent, and tells what it found. */
function hop(port: number) {
  return async (session: NodeSession): Promise<number> => {
    const open = forwardedAgent(session);
    if (open === undefined) return 9;
    const path = socketPath(await temporaryFolder(), "forwarded");
    await serve(async (socket) => {
      socket.pause();
      const stream = await open();
      // The connection may end before the agent's channel does.
      stream.on("error", () => socket.destroy());
      socket.pipe(stream).pipe(socket);
    }, path);
    try {
      const client = await connect({
        host: "127.0.0.1",
        port,
        user: "alice",
        hostKey: () => true,
        identities: [],
        agent: path,
      });
      await client.close();
      return 0;
    } catch {
      return 1;
    }
  };
}

test("a restricted key goes over two hops with the names of RFC 9987, and nowhere else", async () => {
  const agent = createAgent();
  onTestFinished(() => agent.close());
  const b = await host(hostB, [key, other]);
  const c = await host(keyOf(13), [key]);
  const toB = await host(hostA, [other], { acceptAgent: true, session: hop(b.port) }, GRANTED);
  const toC = await host(hostA, [other], { acceptAgent: true, session: hop(c.port) }, GRANTED);
  await agent.add(key, { destinations: [to(hostA), to(hostB, hostA)] });
  const names: string[] = [];
  const status = async (port: number, forwardAgent: ConnectOptions["forwardAgent"] = agent): Promise<number> => {
    const client = await loggedIn(port, {
      agent: false,
      identities: [other],
      forwardAgent,
      trace: (record) => {
        if (record.type === "packet") names.push(...(/\bagent-(?:req|connect)\b/.exec(record.summary) ?? []));
      },
    });
    return (await client.exec("hop")).status!;
  };
  expect(await status(toB.port)).toBe(0);
  expect(names).toEqual(["agent-req", "agent-connect"]);
  expect(await status(toC.port)).toBe(1);

  // A filter sees where the key goes, and what it permits is all that the server can do.
  const seen: string[] = [];
  const filter = ({ hostKeys, isSigning }: ForwardedKey): boolean => {
    seen.push(
      `${isSigning ? "sign" : "list"} ${hostKeys.map((one) => [hostA, hostB].findIndex((host) => nameOf(host) === Buffer.from(one).toString("base64"))).join()}`,
    );
    return true;
  };
  expect(await status(toB.port, { agent, filter })).toBe(0);
  expect(seen).toEqual(["list 0,1", "sign 0,1"]);
  expect(await status(toB.port, { agent, filter: () => false })).toBe(1);
  expect(await status(toB.port, { agent, filter: () => "yes" as never })).toBe(1);
  expect(await status(toB.port, { agent, filter: ({ isSigning }) => !isSigning })).toBe(1);
});

async function useAgent(session: NodeSession): Promise<number> {
  await forwardedAgent(session)!();
  return 0;
}

test("a forwarded agent that does not answer is disconnected when the SSH connection closes", async () => {
  const path = socketPath(await temporaryFolder(), "silent");
  const silent = await serve((socket) => void socket.resume(), path);
  const a = await host(hostA, [key], { acceptAgent: true, session: useAgent }, GRANTED);
  const client = await loggedIn(a.port, { agent: false, identities: [key], forwardAgent: path });
  client.exec("use the agent").catch(() => {});
  await vi.waitFor(() => expect(silent.sockets).toHaveLength(1), 10_000);
  await client.close();
  await vi.waitFor(() => expect(silent.sockets[0]!.destroyed).toBe(true), 10_000);
});

test("a server that wants an agent which it was not offered is refused, and the user is warned once", async () => {
  const connections: { openChannel(type: string): Promise<unknown> }[] = [];
  const server = await listen({ port: 0, hostKeys: [hostA], authenticate: () => true, session: () => 0 });
  onTestFinished(() => server.close());
  for (const forwardAgent of [false, createAgent()]) {
    await loggedIn(server.address.port, { agent: false, identities: [key], forwardAgent });
    connections.push(server.connections.at(-1)!);
    for (const type of ["auth-agent@openssh.com", "agent-connect", "auth-agent@openssh.com"])
      expect(await codeOf(connections.at(-1)!.openChannel(type))).toBe("channel-open-failed");
    await vi.waitFor(
      () =>
        expect(warnings).toEqual(["the server tried to use an SSH agent of this machine, which was not offered to it"]),
      10_000,
    );
  }
});

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
  const bind = bindOf(hostA, new Uint8Array(32).fill(1), true);
  await link.bind(bind, { timeout: 1000 });
  const duplex = new AnsweringDuplex(new FilteredAgent(link, filter, bind));
  onTestFinished(() => duplex.close());
  return duplex;
}

const only: AgentFilter = ({ publicKey }) => Buffer.compare(publicKey, key.publicKey.blob) === 0;

const bind =
  (value: SessionBind): Request =>
  (client, waiter) =>
    client.bindSession(value, waiter);

test("agent forwarding: more keys and requests than a filter permits · client", async () => {
  const agent = await agentOf(key, other);
  // Not taken for an agent without a filter.
  const both = { connect: () => agent.connect(), filter: only };
  expect(await codeOf(connect({ host: "127.0.0.1", port: 1, hostKey: () => true, forwardAgent: both }))).toBe("usage");
  expect(await answers(await filtered(agent, only), list, signWith(key), signWith(other), signWith(third))).toEqual([
    1,
    "signature",
    "refused",
    "refused",
  ]);
  // Only `true` permits.
  const rejected = Promise.reject(new Error("no"));
  rejected.catch(() => {});
  for (const verdict of [undefined, null, 1, "yes", {}, Promise.resolve(1), rejected])
    expect(await answers(await filtered(agent, () => verdict as never), list, signWith(key))).toEqual([0, "refused"]);
  expect(
    await answers(
      await filtered(agent, () => {
        throw new Error("no");
      }),
      list,
      signWith(key),
    ),
  ).toEqual([0, "refused"]);
  // No other request reaches the agent.
  const passphrase = new Uint8Array(3);
  expect(
    await answers(
      await filtered(agent, () => true),
      (client, waiter) => client.lock(passphrase, waiter),
      (client, waiter) => client.remove(key.publicKey.blob, waiter),
      (client, waiter) => client.removeAll(waiter),
      (client, waiter) => client.add({ type: "plain", fields: third.fields }, "", {}, waiter),
      (client, waiter) => client.query(waiter),
      (client, waiter) => client.request({ type: "remove-smartcard", id: "x", pin: passphrase }, waiter),
      list,
    ),
  ).toEqual(["refused", "refused", "refused", "refused", "refused", "refused", 2]);
  expect([agent.isLocked, agent.keys().length]).toEqual([false, 2]);
  // A false bind hides all keys: it is not known where they would go.
  const good = bindOf(third, new Uint8Array(32).fill(2), false);
  const bad = { ...good, hostKey: other.publicKey.blob };
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
  await expect.poll(() => types, { timeout: 10_000 }).toEqual(["failure", "failure", "failure", "identities"]);
});

test("another agent than the configured one is forwarded · client", async () => {
  const [main, few, another, gone] = await Promise.all(
    Array.from("1234", async () => socketPath(await temporaryFolder(), "agent")),
  );
  for (const path of [main, few, another]) await serve(() => {}, path);
  const about = { environment: { SSH_AUTH_SOCK: main, OTHER: another } };
  const forwarded = (value: ConfigValues["forwardAgent"], identityAgent?: string) =>
    optionFor(value, { ...about, values: { identityAgent } } as unknown as About);
  expect(await forwarded(true)).toEqual({ forwardAgent: main });
  expect(await forwarded(true, "SSH_AUTH_SOCK")).toEqual({ forwardAgent: main });
  expect(await forwarded(true, few)).toEqual({ forwardAgent: few });
  expect(await forwarded(true, "$OTHER")).toEqual({ forwardAgent: another });
  expect(await forwarded(true, "$MISSING")).toEqual({});
  expect(await forwarded(true, "none")).toEqual({});
  // As with ssh(1), no agent is offered if the one that logs in is gone; one that ForwardAgent names is.
  expect(await forwarded(true, gone)).toEqual({});
  expect(await forwarded(gone!)).toEqual({ forwardAgent: gone });
  expect(await forwarded("$OTHER", "none")).toEqual({ forwardAgent: another });
  expect(await forwarded(false, few)).toEqual({});
  expect(await forwarded({ unused: another! })).toEqual({});
});
