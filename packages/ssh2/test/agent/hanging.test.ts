import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Connection } from "ssh2";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { type BaseAgent, CygwinAgent, OpenSSHAgent } from "../../src/agent/agents.ts";
import { AgentProtocol } from "../../src/agent/protocol.ts";
import { parseKey } from "../../src/keys/parse-key.ts";
import { newClient, serve } from "../client/support.ts";
import { ed25519Pair } from "../parity/made-keys.ts";
import { openAgent } from "../parity/sessions.ts";

const KEY = ed25519Pair().public;
const SECRET = "01234567-89ABCDEF-00112233-44556677";
const LATE = "Timed out while waiting for handshake";
const READY_TIMEOUT = 60_000;
const FAILED = "All configured authentication methods failed";

async function freshFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "nacre-ssh2-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

/** What became of the connections to an agent. */
interface Served {
  readonly sockets: readonly Socket[];
  /** Resolves when there are this many connections and all have closed. */
  readonly released: (count: number) => Promise<unknown>;
}

/** Serves an agent by `script`, on a Unix socket or a port of loopback. */
async function serveAgent(
  where: string | number,
  script: (socket: Socket) => void,
): Promise<Served & { server: Server }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => {}).resume();
    script(socket);
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  if (typeof where === "number") server.listen(where, "localhost");
  else server.listen(where);
  await once(server, "listening");
  return {
    server,
    sockets,
    released: (count) =>
      vi.waitUntil(() => sockets.length === count && sockets.every((socket) => socket.destroyed), { timeout: 5000 }),
  };
}

/** Repeats the secret of a connection to an agent of Cygwin. */
function repeatSecret(socket: Socket): void {
  socket.once("data", (bytes: Buffer) => socket.write(bytes));
}

/** Serves an agent of Cygwin by `script`. */
async function serveCygwin(script: (socket: Socket) => void): Promise<Served & { readonly path: string }> {
  const served = await serveAgent(0, script);
  const path = join(await freshFolder(), "socket");
  await writeFile(path, `!<socket >${(served.server.address() as AddressInfo).port} s ${SECRET}\0`);
  return { ...served, path };
}

/**
 * Logs in with an agent. Lets `readyTimeout` pass once `isHanging`, so that a slow machine changes nothing. Returns the errors.
 */
async function logInWith(agent: BaseAgent, isHanging?: () => boolean): Promise<readonly string[]> {
  if (isHanging !== undefined) vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const target = await serve({}, (connection) =>
    connection.on("authentication", (context) => {
      if (context.method === "publickey" && context.signature === undefined) context.accept();
      else context.reject(["publickey"]);
    }),
  );
  const { client, events, closed } = newClient();
  client.connect({ ...target, agent, readyTimeout: READY_TIMEOUT });
  if (isHanging !== undefined) {
    await vi.waitUntil(isHanging, { timeout: READY_TIMEOUT / 2 });
    vi.advanceTimersByTime(READY_TIMEOUT);
    vi.useRealTimers();
  }
  await closed;
  return events.filter(([event]) => event === "error").map(([, error]) => (error as Error).message);
}

describe("a login ends in time, and lets go of an agent of Cygwin that", () => {
  let accepted: Socket | undefined;
  /** Answers the first connection, and the secret of the second. */
  const secondHangs = (socket: Socket): void => {
    const isFirst = accepted === undefined;
    accepted ??= socket;
    repeatSecret(socket);
    if (isFirst) socket.once("data", () => socket.once("data", () => socket.write(Buffer.alloc(12))));
  };

  test.each<[string, (socket: Socket) => void, number]>([
    ["never answers", () => {}, 1],
    ["answers one byte", (socket) => socket.write("x"), 1],
    ["repeats the secret only", repeatSecret, 1],
    ["answers the first connection only", secondHangs, 2],
  ])("%s", async (_, script, count) => {
    accepted = undefined;
    const { path, sockets, released } = await serveCygwin(script);
    expect(await logInWith(new CygwinAgent(path), () => sockets.length === count)).toEqual([LATE]);
    await released(count);
  });

  test("has a path that cygpath does not convert", async () => {
    const folder = await freshFolder();
    const pidFile = join(folder, "pid");
    await writeFile(join(folder, "cygpath"), `#!/bin/sh\necho $$ > ${pidFile}\nexec sleep 60\n`, { mode: 0o755 });
    vi.stubEnv("PATH", `${folder}:${process.env["PATH"]}`);
    onTestFinished(() => void vi.unstubAllEnvs());
    const pid = (): number => (existsSync(pidFile) ? Number(readFileSync(pidFile, "utf8")) : 0);
    expect(await logInWith(new CygwinAgent("/nonexistent/agent"), () => pid() > 0)).toEqual([LATE]);
    const isRunning = (): boolean => {
      try {
        return process.kill(pid(), 0);
      } catch {
        return false;
      }
    };
    await vi.waitUntil(() => !isRunning(), { timeout: 5000 });
  });

  test("ends in its handshake", async () => {
    const { path, released } = await serveCygwin((socket) => socket.end("x"));
    expect(await logInWith(new CygwinAgent(path))).toEqual(["Problem negotiating cygwin unix socket security", FAILED]);
    await released(1);
  });
});

/** Answers requests for keys with one key, and no other requests. */
function lists(socket: Socket): void {
  const protocol = new AgentProtocol(false);
  protocol.on("identities", (request) =>
    protocol.getIdentitiesReply(
      request,
      [KEY].map((line) => parseKey(line)),
    ),
  );
  protocol.on("sign", () => {});
  socket.pipe(protocol).pipe(socket);
}

test("a login ends in time, and lets go of an agent that hangs before a signature", async () => {
  const path = join(await freshFolder(), "agent");
  const { sockets, released } = await serveAgent(path, lists);
  expect(await logInWith(new OpenSSHAgent(path), () => sockets.length === 2)).toEqual([LATE]);
  await released(2);
});

test("a forwarded agent that hangs is let go of when the connection ends", async () => {
  const { path, released, sockets } = await serveCygwin(() => {});
  const target = await serve({}, (connection: Connection) => {
    connection.on("authentication", (context) => context.accept());
    connection.on("session", (accept) => {
      const session = accept();
      session.on("auth-agent", (acceptAgent) => acceptAgent());
      session.on("exec", (acceptExec) => {
        acceptExec();
        openAgent(connection).catch(() => {});
      });
    });
  });
  const { client, closed } = newClient();
  client.connect({ ...target, agent: new CygwinAgent(path), agentForward: true });
  client.exec("ssh-add -l", {}, () => {});
  await vi.waitUntil(() => sockets.length === 1, { timeout: 5000 });
  client.destroy();
  await closed;
  await released(1);
});
