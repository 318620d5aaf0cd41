import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Destination } from "@nacre/agent";
import { formatPrivateKey, formatPublicKeyLine } from "@nacre/keyfiles";
import { generateEd25519, type PrivateKey } from "@nacre/keys";
import { Reader, Writer } from "@nacre/wire";
import { inSlices } from "nacre/extend";
import { expect, onTestFinished, test, vi } from "vitest";
import {
  type Client,
  type ConnectOptions,
  connect,
  createAgent,
  type ForwardedKey,
  forwardedAgent,
  type ListenOptions,
  listen,
  type NodeSession,
  type SshAgent,
} from "../src/index.ts";
import { type AgentSystem, defaultAgent } from "../src/keys/agent-path.ts";
import { codeOf, serve, temporaryFolder } from "./support.ts";

const keyOf = (number: number): PrivateKey => generateEd25519((length) => new Uint8Array(length).fill(number));
const key = keyOf(1);
const other = keyOf(2);
const hostA = keyOf(11);
const hostB = keyOf(12);
const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

interface Place {
  readonly port: number;
  /** Keys that were queried and that logged in, in order. */
  readonly keys: string[];
}

const nameOf = ({ publicKey }: PrivateKey): string => Buffer.from(publicKey.blob).toString("base64");

/** Starts a server that admits these keys. */
async function host(
  hostKey: PrivateKey,
  admits: readonly PrivateKey[],
  more: Partial<ListenOptions> = {},
): Promise<Place> {
  const keys: string[] = [];
  const server = await listen({
    port: 0,
    hostKeys: [hostKey],
    acceptAgent: true,
    authenticate: (login) => {
      if (login.method !== "publickey") return false;
      const blob = Buffer.from(login.publicKey).toString("base64");
      keys.push(`${login.signed ? "login" : "query"} ${[key, other].findIndex((one) => nameOf(one) === blob)}`);
      return admits.some((one) => nameOf(one) === blob) && { permissions: { agentForwarding: true } };
    },
    ...more,
  });
  onTestFinished(() => server.close());
  return { port: server.address.port, keys };
}

async function agentWith(): Promise<{ agent: SshAgent; path: string }> {
  const agent = createAgent();
  const path = join(await temporaryFolder(), "agent");
  await agent.listen(path);
  onTestFinished(() => agent.close());
  return { agent, path };
}

const warnings: string[] = [];

async function loggedIn(port: number, changes: Partial<ConnectOptions>): Promise<Client> {
  warnings.length = 0;
  const client = await connect({
    host: "127.0.0.1",
    port,
    user: "alice",
    hostKey: () => true,
    identities: [],
    warn: (text) => warnings.push(text),
    ...changes,
  });
  onTestFinished(() => client.close());
  return client;
}

async function keyFile(privateKey: PrivateKey): Promise<string> {
  const path = join(await temporaryFolder(), "id");
  await writeFile(path, await inSlices(formatPrivateKey(privateKey, { format: "openssh", rounds: 1, random })), {
    mode: 0o600,
  });
  return path;
}

const to = (hostKey: PrivateKey, from?: PrivateKey): Destination => ({
  from: from && { host: "a", keys: [{ publicKey: from.publicKey.blob, isCertificateAuthority: false }] },
  to: {
    host: "b",
    user: undefined,
    keys: [{ publicKey: hostKey.publicKey.blob, isCertificateAuthority: false }],
  },
});

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
  const path = join(await temporaryFolder(), "agent");
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
  await vi.waitFor(() => expect(agent.sockets.every(({ destroyed }) => destroyed)).toBe(true));
});

test.each<[string, number, number]>([
  ["closes at a bind that it does not know", 27, 2],
  ["closes instead of listing its keys", 11, 2],
  ["closes instead of signing", 13, 1],
])("an agent that %s does not end a login that another key wins", async (_, last, connections) => {
  const path = join(await temporaryFolder(), "agent");
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
  await loggedIn(a.port, { ...options, addKeysToAgent: { lifetime: 1 } });
  expect(agent.keys().map(({ comment }) => comment)).toEqual(["", file]);
  await new Promise((resolve) => setTimeout(resolve, 1100));
  expect(agent.keys()).toHaveLength(1);
  await loggedIn(a.port, { ...options, addKeysToAgent: { confirm: true } });
  expect(agent.keys()).toHaveLength(2);
  expect(await codeOf(loggedIn(a.port, { ...options, addKeysToAgent: { lifetime: "1h" as never } }))).toBe("usage");
});

/** A session that logs in to another host with the client's agent, and tells what it found. */
function hop(port: number) {
  return async (session: NodeSession): Promise<number> => {
    const open = forwardedAgent(session);
    if (open === undefined) return 9;
    const path = join(await temporaryFolder(), "forwarded");
    await serve(async (socket) => {
      socket.pause();
      const stream = await open();
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
  const toB = await host(hostA, [other], { session: hop(b.port) });
  const toC = await host(hostA, [other], { session: hop(c.port) });
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

test("a server that wants an agent which it was not offered is refused, and the user is warned once", async () => {
  const connections: { openChannel(type: string): Promise<unknown> }[] = [];
  const a = await host(hostA, [key], { session: () => 0 });
  const server = await listen({ port: 0, hostKeys: [hostA], authenticate: () => true, session: () => 0 });
  onTestFinished(() => server.close());
  void a;
  for (const forwardAgent of [false, createAgent()]) {
    await loggedIn(server.address.port, { agent: false, identities: [key], forwardAgent });
    connections.push(server.connections.at(-1)!);
    for (const type of ["auth-agent@openssh.com", "agent-connect", "auth-agent@openssh.com"])
      expect(await codeOf(connections.at(-1)!.openChannel(type))).toBe("channel-open-failed");
    await vi.waitFor(() =>
      expect(warnings).toEqual(["the server tried to use an SSH agent of this machine, which was not offered to it"]),
    );
  }
});

test("agents on Windows are found by the names of their pipes", () => {
  const find = (pipes: readonly string[], more: Partial<AgentSystem> = {}): string | undefined =>
    defaultAgent({ platform: "win32", socket: undefined, user: () => "Alice", pipes: () => pipes, ...more });
  expect(find([])).toBeUndefined();
  expect(find(["openssh-ssh-agent", "pageant.alice.0a"])).toBe("\\\\.\\pipe\\openssh-ssh-agent");
  expect(find(["other", "pageant.ALICE.0aF3"])).toBe("\\\\.\\pipe\\pageant.ALICE.0aF3");
  expect(find(["pageant.bob.0a", "pageant.alice.smith.0a", "pageant.alice.", "pageant.alice.0g"])).toBeUndefined();
  expect(find(["pageant.alice.0a", "pageant.alice.0b"])).toBeUndefined();
  expect(find(["pageant.alice.0a"], { socket: "named" })).toBe("named");
  expect(find(["pageant.alice.0a"], { platform: "linux" })).toBeUndefined();
});
