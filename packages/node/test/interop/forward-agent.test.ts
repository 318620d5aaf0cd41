import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { rm } from "node:fs/promises";
import { connect as connectSocket, createServer } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { type KeyFile, makeKey, useFolder } from "@nacre/testing/interop/keys";
import { keysOf, runPeer, ssh, useOurServer } from "@nacre/testing/interop/our-server";
import { failure, useServer } from "@nacre/testing/interop/server";
import { type Agent, startAgent } from "@nacre/testing/interop/ssh-agent";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { forwardedAgent, type NodeSession, socketDuplex } from "../../src/index.ts";

const folder = useFolder();
let agent: Agent;
let key: KeyFile;
beforeAll(async () => {
  agent = await startAgent(folder);
  key = await makeKey(folder, "forwarded", "ed25519");
  await agent.add(key);
});
afterAll(() => agent[Symbol.asyncDispose]());

/** What `ssh-add -l` prints about the key. */
async function listed(): Promise<string> {
  return (await promisify(execFile)("ssh-keygen", ["-l", "-f", key.path])).stdout;
}

describe("our client forwards an agent to sshd", () => {
  const server = useServer();

  test("at SSH_AUTH_SOCK", async () => {
    vi.stubEnv("SSH_AUTH_SOCK", agent.path);
    await using client = await server.connect({ forwardAgent: true, agent: false });
    expect((await client.exec("ssh-add -l")).stdout).toBe(await listed());
    const both = await Promise.all([client.exec("ssh-add -l"), client.exec("ssh-add -L")]);
    expect(both.map(({ status }) => status)).toEqual([0, 0]);
    expect(both[1].stdout).toContain(key.publicKeyLine.split(" ")[1]);
    vi.unstubAllEnvs();
  });

  test("that the program connects to", async () => {
    await using client = await server.connect({ forwardAgent: () => socketDuplex(connectSocket(agent.path)) });
    expect((await client.exec("ssh-add -l")).stdout).toBe(await listed());
  });

  test("only when it is asked to", async () => {
    vi.stubEnv("SSH_AUTH_SOCK", agent.path);
    await using client = await server.connect();
    expect((await client.exec('echo "[$SSH_AUTH_SOCK]"; ssh-add -l')).stdout).toBe("[]\n");
    vi.unstubAllEnvs();
  });

  test("rejects with `usage` if there is none", async () => {
    vi.stubEnv("SSH_AUTH_SOCK", "");
    expect(await failure(server.connect({ forwardAgent: true }))).toMatchObject({ code: "usage" });
    vi.unstubAllEnvs();
  });
});

describe("sshd without AllowAgentForwarding", () => {
  const server = useServer({ config: ["AllowAgentForwarding no"] });

  test("runs the command without an agent", async () => {
    vi.stubEnv("SSH_AUTH_SOCK", agent.path);
    await using client = await server.connect({ forwardAgent: true });
    expect((await client.exec('echo "[$SSH_AUTH_SOCK]"')).stdout).toBe("[]\n");
    vi.unstubAllEnvs();
  });
});

/** Runs the session's command with the client's agent at a socket of its own, as sshd does. */
async function runWithAgent(session: NodeSession): Promise<number> {
  const openAgent = forwardedAgent(session);
  const path = join(folder.path, `forwarded-${Math.random()}`);
  const listener = createServer(async (socket) => {
    const stream = await openAgent!();
    socket.pipe(stream).pipe(socket);
  });
  if (openAgent !== undefined) await once(listener.listen(path), "listening");
  const env = { PATH: process.env["PATH"], ...(openAgent && { SSH_AUTH_SOCK: path }) };
  const child = spawn("/bin/sh", ["-c", session.command!], { env, stdio: ["ignore", "pipe", "ignore"] });
  child.stdout.pipe(session.stdout, { end: false });
  const [status] = (await once(child, "close")) as [number];
  if (openAgent !== undefined) listener.close();
  await rm(path, { force: true });
  return status;
}

describe("OpenSSH's ssh forwards its agent to our server", () => {
  const accept = keysOf(() => key);
  const server = useOurServer({
    acceptAgent: true,
    authenticate: async (login) => (await accept(login)) === true && { permissions: { agentForwarding: true } },
    session: runWithAgent,
  });
  test("with -A", async () => {
    const ran = await runPeer([...ssh(server, { key, words: ["-A"] }), "ssh-add -l"], {
      env: { SSH_AUTH_SOCK: agent.path },
    });
    expect(ran.stdout.toString()).toBe(await listed());
    expect(ran.status).toBe(0);
  });

  test("but not without", async () => {
    const ran = await runPeer([...ssh(server, { key }), 'echo "[$SSH_AUTH_SOCK]"'], {
      env: { SSH_AUTH_SOCK: agent.path },
    });
    expect(ran.stdout.toString()).toBe("[]\n");
  });
});

describe("OpenSSH's ssh -A runs a command without an agent", () => {
  const server = useOurServer({ authenticate: keysOf(() => key), session: runWithAgent });

  test("at a server that accepts none", async () => {
    const ran = await runPeer([...ssh(server, { key, words: ["-A"] }), 'echo "[$SSH_AUTH_SOCK]"'], {
      env: { SSH_AUTH_SOCK: agent.path },
    });
    expect(ran.stdout.toString()).toBe("[]\n");
  });
});
