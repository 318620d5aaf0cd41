import { stat, writeFile } from "node:fs/promises";
import { connect as connectSocket } from "node:net";
import { join } from "node:path";
import { formatPrivateKey } from "@nacre/keyfiles";
import { defaultSignatureAlgorithms, ed25519, generateEd25519, generateRsa, type PrivateKey } from "@nacre/keys";
import { utf8Encode, Writer } from "@nacre/wire";
import { inSlices } from "nacre/extend";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import {
  type AgentConfirmation,
  agentIdentities,
  type CreateAgentOptions,
  createAgent,
  nodePrivateKey,
  type SshAgent,
} from "../src/index.ts";
import { AgentLink } from "../src/keys/agent-link.ts";
import { reachable, serveAgent } from "./agent-support.ts";
import { codeOf, socketPath, temporaryFolder, watchResources } from "./support.ts";

const keyOf = (number: number): PrivateKey => generateEd25519((length) => new Uint8Array(length).fill(number));
const key = keyOf(1);
const other = keyOf(2);
const data = utf8Encode("what is signed");

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

interface Listening {
  readonly agent: SshAgent;
  readonly path: string;
}

async function listening(options: CreateAgentOptions = {}): Promise<Listening> {
  const agent = createAgent(options);
  onTestFinished(() => agent.close());
  return { agent, path: await reachable(agent) };
}

/** Returns whether the agent signs with its first key. */
async function signs(path: string): Promise<boolean> {
  const [identity] = await agentIdentities(path);
  const signature = await identity?.sign("ssh-ed25519", data);
  return signature !== undefined && ed25519.verify(identity!.publicKey.blob, data, signature) !== undefined;
}

describe("an agent of `createAgent`", () => {
  test("lists and signs with keys in memory and of files", async () => {
    const { agent, path } = await listening();
    await agent.add(key, { comment: "in memory" });
    const file = join(await temporaryFolder(), "id");
    const text = await inSlices(
      formatPrivateKey(other, { format: "openssh", passphrase: "secret", rounds: 1, random }),
    );
    await writeFile(file, text, { mode: 0o600 });
    expect(await codeOf(agent.add(file))).toBe("passphrase-needed");
    await agent.add(file, { passphrase: "secret" });
    const identities = await agentIdentities(path);
    expect(identities.map(({ comment }) => comment)).toEqual(["in memory", file]);
    for (const one of identities)
      expect(ed25519.verify(one.publicKey.blob, data, (await one.sign("ssh-ed25519", data))!)).toEqual({});
    expect(agent.keys().map(({ comment }) => comment)).toEqual(["in memory", file]);
    expect(agent.remove(key.publicKey.blob)).toBe(true);
    expect(agent.remove(key.publicKey.blob)).toBe(false);
    agent.removeAll();
    expect(await agentIdentities(path)).toEqual([]);
  });

  test("signs RSA with SHA-2", async () => {
    const { agent, path } = await listening();
    const steps = generateRsa(2048, (length) => crypto.getRandomValues(new Uint8Array(length)));
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    await agent.add(nodePrivateKey(step.value.fields));
    const [identity] = await agentIdentities(path);
    for (const algorithm of defaultSignatureAlgorithms.filter(({ keyFormat }) => keyFormat === "ssh-rsa")) {
      const signature = await identity!.sign(algorithm.name, data);
      expect([algorithm.name, algorithm.verify(identity!.publicKey.blob, data, signature!)]).toEqual([
        algorithm.name,
        {},
      ]);
    }
  });

  test("listens on a socket that only its user can reach", async () => {
    const { path } = await listening();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  test("does not replace a file, and removes its socket when it stops listening", async () => {
    const agent = createAgent();
    const path = join(await temporaryFolder(), "agent");
    await writeFile(path, "a file");
    expect(await codeOf(agent.listen(path))).toBe("listen-failed");
    const listener = await agent.listen(`${path}-2`);
    await listener.close();
    await expect(stat(`${path}-2`)).rejects.toThrow("ENOENT");
    await agent.close();
    expect(await codeOf(agent.listen(`${path}-3`))).toBe("agent-failed");
  });

  test("forgets a key after its lifetime", async () => {
    const { agent } = await listening();
    await agent.add(key, { lifetime: 3 });
    await agent.add(other);
    expect(agent.keys()).toHaveLength(2);
    await expect.poll(() => agent.keys(), { timeout: 20_000 }).toHaveLength(1);
  });

  test("asks before a signature of a key with `confirm`", async () => {
    const asked: AgentConfirmation[] = [];
    let verdict: unknown = true;
    const { agent, path } = await listening({
      confirm: async (request) => {
        asked.push(request);
        if (verdict instanceof Error) throw verdict;
        return verdict as boolean;
      },
    });
    await agent.add(key, { confirm: true, comment: "mine" });
    expect(await signs(path)).toBe(true);
    expect(asked).toMatchObject([{ comment: "mine", userName: undefined, hostKeys: [] }]);
    for (verdict of [false, undefined, 1, new Error("no")]) expect(await signs(path)).toBe(false);
    const { agent: silent, path: silentPath } = await listening();
    await silent.add(key, { confirm: true });
    expect(await signs(silentPath)).toBe(false);
  });

  test("can be locked by its program and by clients", async () => {
    const { agent, path } = await listening();
    await agent.add(key);
    expect(await agent.lock("secret")).toBe(true);
    expect([agent.isLocked, await signs(path)]).toEqual([true, false]);
    expect(await agent.unlock("wrong")).toBe(false);
    expect(await agent.unlock("secret")).toBe(true);
    expect([agent.isLocked, await signs(path)]).toEqual([false, true]);
  });

  test("has limits", async () => {
    expect(() => createAgent({ limits: { maxKeys: -1 } })).toThrow(expect.objectContaining({ code: "usage" }));
    const { agent, path } = await listening({ limits: { maxKeys: 1, maxConnections: 2 } });
    await agent.add(key);
    expect(await codeOf(agent.add(other))).toBe("usage");
    agent.connect();
    expect(await agentIdentities(path)).toHaveLength(1);
    await vi.waitFor(() => agent.connect(), 10_000);
    expect(await codeOf(agentIdentities(path))).toBe("agent-failed");
    expect(() => agent.connect()).toThrow(expect.objectContaining({ code: "agent-failed" }));
  });

  test("ends connections that break the protocol, and serves the others", async () => {
    const { agent, path } = await listening();
    await agent.add(key);
    for (const bytes of [new Writer().uint32(0).finish(), new Writer().uint32(2 ** 18 + 1).finish()]) {
      const socket = connectSocket(path);
      socket.write(bytes);
      await new Promise((resolve) => socket.once("close", resolve).resume());
    }
    expect(await signs(path)).toBe(true);
  });

  test("leaves nothing open after `close`", async () => {
    const leftOpen = await watchResources();
    const agent = createAgent({ confirm: () => new Promise(() => {}) });
    const path = join(await temporaryFolder(), "agent");
    await agent.listen(path);
    await agent.add(key, { confirm: true, lifetime: 1000 });
    const [identity] = await agentIdentities(path);
    const signing = codeOf(identity!.sign("ssh-ed25519", data));
    const idle = connectSocket(path).on("error", () => {});
    await new Promise((resolve) => idle.once("connect", resolve));
    const ended = new Promise((resolve) => idle.once("close", resolve).resume());
    await agent.close();
    expect(await signing).toBe("agent-failed");
    await ended;
    await expect(stat(path)).rejects.toThrow("ENOENT");
    expect(await leftOpen()).toEqual([]);
  });

  test("answers requests that each follow an answer at once", async () => {
    const agent = createAgent();
    onTestFinished(() => agent.close());
    const link = new AgentLink(agent.connect(), "test");
    for (let i = 0; i < 5; i++) expect(await link.list({ timeout: 5000 })).toEqual([]);
  });

  test("answers one request of a connection in a round of the event loop", async () => {
    const agent = createAgent();
    onTestFinished(() => agent.close());
    const answers: Uint8Array[] = [];
    const connection = agent.connect();
    connection.open({ data: (chunk) => answers.push(chunk), drained() {}, ended() {}, failed() {} });
    const list = new Writer().string(Uint8Array.of(11)).finish();
    for (let i = 0; i < 20; i++) connection.write([list]);
    while (answers.length < 20) {
      const before = answers.length;
      await new Promise((resolve) => setImmediate(resolve));
      expect(answers.length - before).toBeLessThanOrEqual(1);
    }
  });

  test("answers in order what a client sends at once, also when the client reads slowly", async () => {
    const { agent, path } = await listening();
    for (let i = 1; i <= 40; i++) await agent.add(keyOf(i), { comment: "x".repeat(4000) });
    const socket = connectSocket(path);
    const list = new Writer().string(Uint8Array.of(11)).finish();
    socket.pause();
    for (let i = 0; i < 200; i++) socket.write(list);
    await new Promise((resolve) => setTimeout(resolve, 50));
    let received = 0;
    let first = Buffer.alloc(0);
    await new Promise<void>((resolve) => {
      socket.on("data", (chunk) => {
        if (first.length < 4) first = Buffer.concat([first, chunk]);
        received += chunk.length;
        if (received === 200 * (4 + first.readUInt32BE())) resolve();
      });
      socket.resume();
    });
    socket.destroy();
  });
});

test("a connection through a program's own socket server reaches the agent", async () => {
  const agent = createAgent();
  onTestFinished(() => agent.close());
  await agent.add(key);
  const path = socketPath(await temporaryFolder(), "own");
  await serveAgent(agent, path);
  expect(await signs(path)).toBe(true);
});
