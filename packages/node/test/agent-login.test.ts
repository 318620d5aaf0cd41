import { writeFile } from "node:fs/promises";
import { connect as connectSocket } from "node:net";
import { join } from "node:path";
import { formatPublicKeyLine } from "@nacre/keyfiles";
import { Reader, Writer } from "@nacre/wire";
import { expect, test, vi } from "vitest";
import { type AgentSystem, defaultAgent } from "../src/keys/agent-path.ts";
import { agentWith, host, hostA, hostB, key, keyFile, keyOf, loggedIn, other, to, warnings } from "./agent-support.ts";
import { codeOf, serve, socketPath, temporaryFolder } from "./support.ts";

test("a key that is restricted to a host logs in there, over one connection that is bound before the list", async () => {
  const { agent, path } = await agentWith();
  await agent.add(key, { destinations: [to(hostA)] });
  const [a, b] = [await host(hostA, [key]), await host(hostB, [key])];
  const requests: string[] = [];
  await loggedIn(a.port, {
    agent: path,
    trace: (record) => {
      if (record.type === "packet" && record.message === "SSH_MSG_USERAUTH_REQUEST") requests.push(record.summary);
    },
  });
  expect(requests).toEqual([
    "alice publickey ssh-ed25519 query",
    "alice publickey-hostbound-v00@openssh.com ssh-ed25519 signed",
  ]);
  // The agent does not show it for another host.
  expect(await codeOf(loggedIn(b.port, { agent: path }))).toBe("auth-failed");
  expect(b.keys).toEqual([]);
});

test("an agent gets one connection for a login, which ends with it", async () => {
  const kinds: number[][] = [];
  const path = socketPath(await temporaryFolder(), "agent");
  const agent = await serve((socket) => {
    const own: number[] = [];
    kinds.push(own);
    socket.on("data", (chunk) => {
      for (let rest: Uint8Array = chunk; rest.length > 0; ) {
        const message = new Reader(rest, "agent").string("message");
        rest = rest.subarray(4 + message.length);
        own.push(message[0]!);
        const answer = new Writer();
        if (message[0] === 11) answer.byte(12).uint32(1).string(key.publicKey.blob).string("held");
        else answer.byte(message[0] === 27 ? 6 : 5);
        socket.write(new Writer().string(answer.finish()).finish());
      }
    });
  }, path);
  const a = await host(hostA, [key, other]);
  await loggedIn(a.port, { agent: path, identities: [await keyFile(other)] });
  // It refused to sign, so the file's key logged in.
  expect(kinds).toEqual([[27, 11, 13]]);
  expect(warnings).toEqual(["held: the SSH agent refused to sign"]);
  await vi.waitFor(() => expect(agent.sockets.every(({ destroyed }) => destroyed)).toBe(true), 10_000);
});

test.each<[string, number, number]>([
  ["closes at a bind that it does not know", 27, 2],
  ["closes instead of listing its keys", 11, 2],
  ["closes instead of signing", 13, 1],
])("an agent that %s does not end a login that another key wins", async (_, last, connections) => {
  const path = socketPath(await temporaryFolder(), "agent");
  const agent = await serve((socket) => {
    socket.on("data", (chunk) => {
      for (let rest: Uint8Array = chunk; rest.length > 0; ) {
        const message = new Reader(rest, "agent").string("message");
        rest = rest.subarray(4 + message.length);
        if (message[0] === last) return void socket.destroy();
        const answer = new Writer();
        if (message[0] === 11) answer.byte(12).uint32(1).string(key.publicKey.blob).string("held");
        else answer.byte(5);
        socket.write(new Writer().string(answer.finish()).finish());
      }
    });
  }, path);
  const a = await host(hostA, [key, other]);
  await loggedIn(a.port, { agent: path, identities: [await keyFile(other)] });
  expect(a.keys.at(-1)).toBe("login 1");
  expect(agent.sockets).toHaveLength(connections);
});

test("an agent that ends after its list is a warning when its key is to sign", async () => {
  const path = socketPath(await temporaryFolder(), "agent");
  await serve((socket) => {
    socket.on("data", (chunk) => {
      for (let rest: Uint8Array = chunk; rest.length > 0; ) {
        const message = new Reader(rest, "agent").string("message");
        rest = rest.subarray(4 + message.length);
        if (message[0] === 27) socket.write(Uint8Array.of(0, 0, 0, 1, 5));
        const list = new Writer().byte(12).uint32(1).string(key.publicKey.blob).string("held");
        if (message[0] === 11) socket.end(new Writer().string(list.finish()).finish());
      }
    });
  }, path);
  const a = await host(hostA, [key, other]);
  await loggedIn(a.port, { agent: path, identities: [await keyFile(other)] });
  expect(warnings).toEqual([
    // The login may ask for the signature before it has seen the end.
    expect.stringMatching(
      /^cannot use the SSH agent at \S+: the (?:connection to the agent has ended|agent closed the connection without an answer)/,
    ),
  ]);
});

test("an agent that is connected to again, and then refuses its list, is disconnected after the login", async () => {
  const path = socketPath(await temporaryFolder(), "agent");
  const agent = await serve((socket) => {
    socket.on("data", (chunk) => {
      const message = new Reader(chunk, "agent").string("message");
      if (message[0] === 27) socket.destroy();
      else socket.write(Uint8Array.of(0, 0, 0, 1, 5));
    });
  }, path);
  const a = await host(hostA, [other]);
  await loggedIn(a.port, { agent: path, identities: [await keyFile(other)] });
  expect(agent.sockets).toHaveLength(2);
  await vi.waitFor(() => expect(agent.sockets.every(({ destroyed }) => destroyed)).toBe(true), 10_000);
});

test("files that the agent holds come first, then its other keys, then other files", async () => {
  const { agent, path } = await agentWith();
  await agent.add(key);
  await agent.add(other);
  const folder = await temporaryFolder();
  await writeFile(join(folder, "id.pub"), formatPublicKeyLine(other.publicKey));
  const identities = [await keyFile(keyOf(3)), join(folder, "id.pub")];
  const a = await host(hostA, []);
  await codeOf(loggedIn(a.port, { agent: path, identities }));
  expect(a.keys).toEqual(["query 1", "query 0", "query -1"]);
  const b = await host(hostA, []);
  await codeOf(loggedIn(b.port, { agent: path, identities, identitiesOnly: true }));
  expect(b.keys).toEqual(["query 1", "query -1"]);
});

test("`addKeysToAgent` adds the key of a file that logged in, with its constraints", async () => {
  const { agent, path } = await agentWith();
  await agent.add(other);
  const file = await keyFile(key);
  const [refusing, a] = [await host(hostA, []), await host(hostA, [key])];
  const options = { agent: path, identities: [file], identitiesOnly: true };
  await codeOf(loggedIn(refusing.port, { ...options, addKeysToAgent: true }));
  await loggedIn(a.port, options);
  expect(agent.keys()).toHaveLength(1);
  await loggedIn(a.port, { ...options, addKeysToAgent: { lifetime: 3 } });
  expect(agent.keys().map(({ comment }) => comment)).toEqual(["", file]);
  await expect.poll(() => agent.keys(), { timeout: 20_000 }).toHaveLength(1);
  await loggedIn(a.port, { ...options, addKeysToAgent: { confirm: true } });
  expect(agent.keys()).toHaveLength(2);
  agent.removeAll();
  const asked: string[] = [];
  for (const answer of [false, true]) {
    const permit = async (name: string): Promise<boolean> => {
      asked.push(name);
      return answer;
    };
    await loggedIn(a.port, { ...options, addKeysToAgent: { permit } });
    expect(agent.keys()).toHaveLength(answer ? 1 : 0);
  }
  expect(asked).toEqual([file, file]);
  expect(await codeOf(loggedIn(a.port, { ...options, addKeysToAgent: { lifetime: "1h" as never } }))).toBe("usage");
});

test("an agent that another program keeps busy for half a minute is waited for", async () => {
  const { agent, path: own } = await agentWith();
  await agent.add(key);
  const path = socketPath(await temporaryFolder(), "busy");
  const { setTimeout: real } = globalThis;
  await serve((socket) => {
    socket.pause();
    real(() => socket.pipe(connectSocket(own)).pipe(socket), 1500);
  }, path);
  const a = await host(hostA, [key]);
  // A twentieth of the time.
  vi.spyOn(globalThis, "setTimeout").mockImplementation((run: () => void, wait = 0) =>
    real(run, wait >= 10_000 ? wait / 20 : wait),
  );
  try {
    await loggedIn(a.port, { agent: path });
    expect(warnings).toEqual([]);
  } finally {
    vi.restoreAllMocks();
  }
});

test("an agent that sends nothing holds up a login for a minute at most", async () => {
  const path = socketPath(await temporaryFolder(), "agent");
  await serve(() => {}, path);
  const a = await host(hostA, [other]);
  const { setTimeout: real } = globalThis;
  const waits: unknown[] = [];
  vi.spyOn(globalThis, "setTimeout").mockImplementation((run: () => void, wait?: number) => {
    if (wait === 60_000) waits.push(wait);
    return real(run, wait === 60_000 ? 20 : wait);
  });
  try {
    await loggedIn(a.port, { agent: path, identities: [await keyFile(other)] });
    expect(warnings).toEqual([expect.stringMatching(/^cannot use the SSH agent at \S+: no response within 60000 ms$/)]);
    // Without another key, that is the error.
    await expect(loggedIn(a.port, { agent: path })).rejects.toMatchObject({ code: "agent-failed" });
    // The connection, and the bind with the list, each time.
    expect(waits).toHaveLength(6);
  } finally {
    vi.restoreAllMocks();
  }
});

const find = (pipes: readonly string[], more: Partial<AgentSystem> = {}): string | undefined =>
  defaultAgent({ platform: "win32", socket: undefined, user: () => "Alice", pipes: () => pipes, ...more });

test("agents on Windows are found by the names of their pipes", () => {
  expect(find([])).toBeUndefined();
  expect(find(["openssh-ssh-agent", "pageant.alice.0a"])).toBe("\\\\.\\pipe\\openssh-ssh-agent");
  expect(find(["other", "pageant.ALICE.0aF3"])).toBe("\\\\.\\pipe\\pageant.ALICE.0aF3");
  expect(find(["pageant.bob.0a", "pageant.alice.smith.0a", "pageant.alice.", "pageant.alice.0g"])).toBeUndefined();
  expect(find(["pageant.alice.0a", "pageant.alice.0b"])).toBeUndefined();
  expect(find(["pageant.alice.0a"], { socket: "named" })).toBe("named");
  expect(find(["pageant.alice.0a"], { platform: "linux" })).toBeUndefined();
});
