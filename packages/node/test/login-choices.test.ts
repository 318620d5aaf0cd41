import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { connect as dial } from "node:net";
import { join } from "node:path";
import { type FormatPrivateKeyOptions, formatPrivateKey, formatPublicKeyLine } from "@nacre/keyfiles";
import { fingerprint, generateEd25519 } from "@nacre/keys";
import { finish } from "@nacre/testing/keyfiles";
import { keyVector } from "@nacre/testing/keys";
import { expect, onTestFinished, test } from "vitest";
import {
  type ConnectOptions,
  connect,
  type ListenEvent,
  type ListenOptions,
  type LoginAttempt,
  type LoginState,
  listen,
  nodePrivateKey,
  privateKey,
  SshError,
} from "../src/index.ts";
import { agentWith } from "./agent-support.ts";
import { counting, temporaryFolder } from "./support.ts";

const hostKey = generateEd25519(counting);
const rsa1024 = nodePrivateKey(keyVector("rsa-1024").fields, { minRsaBits: 1024 });

/** Starts a server, and connects to it. Resolves with the client's error, or `undefined` once it has logged in. */
async function outcome(server: Partial<ListenOptions>, client: Partial<ConnectOptions>): Promise<unknown> {
  const listening = await listen({ port: 0, hostKeys: [hostKey], authenticate: () => true, ...server });
  onTestFinished(() => listening.close());
  const { port } = listening.address;
  try {
    const base = { host: "127.0.0.1", port, user: "alice", hostKey: () => true, agent: false, identities: [] };
    await (await connect({ ...base, ...client })).close();
    return undefined;
  } catch (error) {
    return error instanceof SshError ? error.code : error;
  }
}

/** Returns the text of a key file for `rsa1024`. */
function keyText(options: Partial<FormatPrivateKeyOptions> = {}): string {
  return finish(formatPrivateKey(rsa1024, { format: "openssh", random: counting, ...options }));
}

test("`nextLogin` of `connect` chooses the attempts at a `listen` that decides each", async () => {
  const states: LoginState[] = [];
  const attempts: readonly LoginAttempt[] = [
    { method: "none" },
    { method: "password", password: "wrong", user: "" },
    { method: "publickey", identity: hostKey, user: "bob" },
  ];
  const seen: string[] = [];
  const events: ListenEvent[] = [];
  const result = await outcome(
    {
      methods: ["none", "publickey", "password"],
      authenticate: (login) => {
        seen.push(`${login.method} ${JSON.stringify(login.user)}`);
        if (login.method === "none") return { refuse: true, methods: ["password"] };
        if (login.method === "password") return { refuse: true, methods: ["publickey"] };
        return true;
      },
      log: (event) => events.push(event),
    },
    { nextLogin: (state) => attempts[states.push(state) - 1] },
  );
  expect(result).toBeUndefined();
  expect(seen).toEqual(['none "alice"', 'password ""', 'publickey "bob"']);
  expect(states.map(({ methods }) => methods)).toEqual([undefined, ["password"], ["publickey"]]);
  expect(events.filter(({ type }) => type === "login-refused")).toHaveLength(2);
});

test("a server of `listen` sends its greeting and software version first", async () => {
  const server = await listen({
    port: 0,
    hostKeys: [hostKey],
    authenticate: () => true,
    greeting: "Maintenance at noon",
    softwareVersion: "Edge_1",
  });
  onTestFinished(() => server.close());
  const socket = dial(server.address.port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  const [first] = await once(socket, "data");
  expect(String(first)).toMatch(/^Maintenance at noon\r\nSSH-2\.0-Edge_1\r\n/);
});

test("`minRsaBits` bounds keys on both sides, on node:crypto", async () => {
  const short = { hostKeys: [rsa1024], minRsaBits: 1024 };
  expect(await outcome({ hostKeys: [rsa1024] }, {}).catch((error: SshError) => error.code)).toBe("usage");
  expect(await outcome(short, { identities: [hostKey] })).toBe("kex-failed");
  expect(await outcome(short, { identities: [hostKey], minRsaBits: 1024 })).toBeUndefined();
  const revokedHostKeys = join(await temporaryFolder(), "revoked");
  await writeFile(revokedHostKeys, `ssh-rsa ${Buffer.from(rsa1024.publicKey.blob).toString("base64")}\n`);
  expect(await outcome(short, { revokedHostKeys, minRsaBits: 1024 })).toBe("host-key-revoked");
  const login = { identities: [rsa1024], minRsaBits: 1024 };
  expect(await outcome({}, login)).toBe("auth-failed");
  expect(await outcome({ minRsaBits: 1024 }, login)).toBeUndefined();
  expect(await outcome({ minRsaBits: 1024 }, { identities: [rsa1024] })).toBe("auth-failed");
});

test("`minRsaBits` lets `privateKey`, and `connect` with a file, open a shorter key", async () => {
  const folder = await temporaryFolder();
  const file = join(folder, "id_rsa");
  await writeFile(file, keyText(), { mode: 0o600 });
  await expect(privateKey(keyText())).rejects.toMatchObject({ code: "key-weak" });
  const opened = await privateKey(keyText(), { minRsaBits: 1024 });
  expect(fingerprint(opened.publicKey.blob, "sha256")).toBe(fingerprint(rsa1024.publicKey.blob, "sha256"));
  for (const crypto of ["node", "noble"] as const)
    expect((await privateKey(keyText(), { minRsaBits: 1024, crypto })).publicKey.bits).toBe(1024);
  const server = { minRsaBits: 1024 };
  expect(await outcome(server, { identities: [file] })).toBe("key-weak");
  expect(await outcome(server, { identities: [file], minRsaBits: 1024 })).toBeUndefined();
});

const isShort: ListenOptions["authenticate"] = (login) =>
  login.method === "publickey" && login.algorithm.startsWith("rsa-");

test("`minRsaBits` admits a shorter key of an agent, and one of which `.pub` is read first", async () => {
  const folder = await temporaryFolder();
  const file = join(folder, "id_rsa");
  await writeFile(file, keyText({ format: "pkcs8", passphrase: "x", rounds: 1 }), { mode: 0o600 });
  await writeFile(`${file}.pub`, `${formatPublicKeyLine(rsa1024.publicKey)}\n`);
  const server = { minRsaBits: 1024 };
  const asked: string[] = [];
  const passphrase = (path: string): string => {
    asked.push(path);
    return "x";
  };
  const locked = { identities: [hostKey, file], passphrase, minRsaBits: 1024 };
  expect(await outcome({ ...server, authenticate: ({ method }) => method === "publickey" }, locked)).toBeUndefined();
  expect(asked).toEqual([]);
  expect(await outcome({ ...server, authenticate: isShort }, locked)).toBeUndefined();
  expect(asked).toEqual([file]);
  const { agent, path } = await agentWith();
  await agent.add(rsa1024);
  const held = { agent: path, identities: [] };
  expect(await outcome({ ...server, authenticate: isShort }, held)).toBe("auth-failed");
  expect(await outcome({ ...server, authenticate: isShort }, { ...held, minRsaBits: 1024 })).toBeUndefined();
  const named = { agent: path, identities: [`${file}.pub`], identitiesOnly: true, minRsaBits: 1024 };
  expect(await outcome({ ...server, authenticate: isShort }, named)).toBeUndefined();
});
