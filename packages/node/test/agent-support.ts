import { writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Destination } from "@nacre/agent";
import { formatPrivateKey } from "@nacre/keyfiles";
import { generateEd25519, type PrivateKey } from "@nacre/keys";
import { type Duplex, inSlices } from "nacre/extend";
import { onTestFinished } from "vitest";
import {
  type Client,
  type ConnectOptions,
  connect,
  createAgent,
  type ListenOptions,
  listen,
  type Permissions,
  type SshAgent,
  socketDuplex,
} from "../src/index.ts";
import { AgentLink } from "../src/keys/agent-link.ts";
import { socketPath, temporaryFolder } from "./support.ts";

export const keyOf = (number: number): PrivateKey => generateEd25519((length) => new Uint8Array(length).fill(number));
export const key: PrivateKey = keyOf(1);
export const other: PrivateKey = keyOf(2);
export const hostA: PrivateKey = keyOf(11);
export const hostB: PrivateKey = keyOf(12);
const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));

export interface Place {
  readonly port: number;
  /** Keys that were queried and that logged in, in order. */
  readonly keys: string[];
}

export const nameOf = ({ publicKey }: PrivateKey): string => Buffer.from(publicKey.blob).toString("base64");

/** Starts a server that admits these keys. */
export async function host(
  hostKey: PrivateKey,
  admits: readonly PrivateKey[],
  more: Partial<ListenOptions> = {},
  permissions: Permissions = {},
): Promise<Place> {
  const keys: string[] = [];
  const server = await listen({
    port: 0,
    hostKeys: [hostKey],
    authenticate: (login) => {
      if (login.method !== "publickey") return false;
      const blob = Buffer.from(login.publicKey).toString("base64");
      keys.push(`${login.signed ? "login" : "query"} ${[key, other].findIndex((one) => nameOf(one) === blob)}`);
      return admits.some((one) => nameOf(one) === blob) && { permissions };
    },
    ...more,
  });
  onTestFinished(() => server.close());
  return { port: server.address.port, keys };
}

export async function agentWith(): Promise<{ agent: SshAgent; path: string }> {
  const agent = createAgent();
  onTestFinished(() => agent.close());
  return { agent, path: await reachable(agent) };
}

/** Lets programs connect to an agent. Returns the path; on Windows, where agents do not listen, that of a pipe of a program. */
export async function reachable(agent: SshAgent): Promise<string> {
  const path = socketPath(await temporaryFolder(), "agent");
  if (process.platform === "win32") await serveAgent(agent, path);
  else await agent.listen(path);
  return path;
}

/** Connects the clients of a socket server to an agent. */
export async function serveAgent(agent: SshAgent, path: string): Promise<void> {
  const server = createServer((socket) => {
    let far: Duplex;
    try {
      far = agent.connect();
    } catch {
      // It has too many connections.
      socket.destroy();
      return;
    }
    const near = socketDuplex(socket);
    near.open({
      data: (chunk) => far.write([chunk.slice()]),
      drained() {},
      ended: () => void far.end(),
      failed: () => void far.close(),
    });
    far.open({
      data: (chunk) => near.write([chunk.slice()]),
      drained() {},
      ended: () => void near.end(),
      failed: () => void near.close(),
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => void server.close());
}

export const warnings: string[] = [];

export async function loggedIn(port: number, changes: Partial<ConnectOptions>): Promise<Client> {
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

export async function keyFile(privateKey: PrivateKey): Promise<string> {
  const path = join(await temporaryFolder(), "id");
  await writeFile(path, await inSlices(formatPrivateKey(privateKey, { format: "openssh", rounds: 1, random })), {
    mode: 0o600,
  });
  return path;
}

export const to = (hostKey: PrivateKey, from?: PrivateKey): Destination => ({
  from: from && { host: "a", keys: [{ publicKey: from.publicKey.blob, isCertificateAuthority: false }] },
  to: {
    host: "b",
    user: undefined,
    keys: [{ publicKey: hostKey.publicKey.blob, isCertificateAuthority: false }],
  },
});

const data = new Uint8Array(40);

export type Request = Parameters<AgentLink["request"]>[0];

/** Sends requests to an agent in turn. Returns the type of each answer, and for a list the number of keys. */
export async function answers(duplex: Duplex, ...requests: readonly Request[]): Promise<(string | number)[]> {
  const link = new AgentLink(duplex, "test");
  const outcomes: (string | number)[] = [];
  for (const request of requests) {
    const answer = await link.request(request, { timeout: 1000 });
    outcomes.push(answer.type === "identities" ? answer.identities.length : answer.type);
  }
  await link.close();
  return outcomes;
}

export const list: Request = (client, waiter) => client.list(waiter);
export const signWith =
  ({ publicKey }: PrivateKey): Request =>
  (client, waiter) =>
    client.sign(publicKey.blob, "ssh-ed25519", data, waiter);
