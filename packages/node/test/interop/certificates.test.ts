import { execFile } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { promisify } from "node:util";
import { formatPublicKeyLine } from "@nacre/keyfiles";
import { generateEcdsa, generateEd25519, parseCertificate, parsePublicKey } from "@nacre/keys";
import { Authenticator } from "@nacre/testing/authenticator";
import { type KeyFile, type KeyType, makeKey, readKey, useFolder } from "@nacre/testing/interop/keys";
import { securityKeyProvider } from "@nacre/testing/interop/security-key";
import { useServer } from "@nacre/testing/interop/server";
import { startAgent } from "@nacre/testing/interop/ssh-agent";
import { authorizeKey, containerExec } from "@nacre/testing/openssh/sshd";
import type { RemoteIdentity, TraceRecord } from "nacre";
import { beforeAll, describe, expect, test } from "vitest";
import type { ConnectOptions } from "../../src/index.ts";

// Logins at OpenSSH with certificates that ssh-keygen issued, and with security keys.

const TYPES: readonly KeyType[] = ["ed25519", "rsa-3072", "ecdsa-256", "ecdsa-384", "ecdsa-521"];
const run = promisify(execFile);
const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const folder = useFolder();
const trusted = `/tmp/nacre-ca-${randomUUID()}.pub`;
const server = useServer({ config: [`TrustedUserCAKeys ${trusted}`] });
const keys = new Map<KeyType, KeyFile>();
let authorities: readonly KeyFile[];

beforeAll(async () => {
  authorities = await Promise.all(TYPES.map((type) => makeKey(folder, `ca-${type}`, type)));
  const lines = authorities.map(({ publicKeyLine }) => `${publicKeyLine}\n`).join("");
  await containerExec(["sh", "-c", `cat > ${trusted} && chmod 644 ${trusted}`], { input: lines });
  for (const [at, type] of TYPES.entries()) {
    const key = await makeKey(folder, type, type);
    keys.set(type, key);
    // Each type of key has an authority of another type.
    await certify(key, authorities[(at + 1) % authorities.length]!);
  }
});

/** Writes the certificate beside the key. */
async function certify({ path }: KeyFile, authority: KeyFile, names = "alice"): Promise<void> {
  await run("ssh-keygen", ["-q", "-s", authority.path, "-I", "alice@test", "-n", names, "-z", "7", `${path}.pub`]);
}

/** Logs in as alice. Returns the login requests, one line each, without the fields of certificates. */
async function login(changes: Partial<ConnectOptions>): Promise<string[]> {
  const requests: string[] = [];
  const trace = (record: TraceRecord): void => {
    if (record.type === "packet" && record.message === "SSH_MSG_USERAUTH_REQUEST")
      requests.push(record.summary.replace(/ certificate .*/, ""));
  };
  await using client = await server.connect({ ...changes, trace });
  expect((await client.exec("whoami")).stdout).toBe("alice\n");
  return requests;
}

function algorithmOf(type: KeyType): string {
  const plain = type.startsWith("ecdsa")
    ? `ecdsa-sha2-nistp${type.slice(6)}`
    : type === "ed25519"
      ? "ssh-ed25519"
      : "rsa-sha2-512";
  return `${plain}-cert-v01@openssh.com`;
}

describe("a certificate", () => {
  test.for(TYPES)("beside its key file signs at once: %s", async (type) => {
    expect(await login({ identities: [keys.get(type)!.path] })).toEqual([
      `alice publickey ${algorithmOf(type)} signed`,
    ]);
    expect(await server.sshd.log()).toMatch(/Accepted publickey for alice .* ID alice@test \(serial 7\) CA /);
  });

  test.for(TYPES)("in ssh-agent: %s", async (type) => {
    await using agent = await startAgent(folder);
    await agent.add(keys.get(type)!);
    const requests = await login({ agent: agent.path, identities: [] });
    expect(requests.at(-1)).toBe(`alice publickey-hostbound-v00@openssh.com ${algorithmOf(type)} signed`);
  });

  test.for(["ed25519", "rsa-3072"] as const)("in a file, with its key in ssh-agent: %s", async (type) => {
    const key = await makeKey(folder, `away-${type}`, type);
    await certify(key, authorities[0]!);
    await using agent = await startAgent(folder);
    await agent.add(key, ["-k"]);
    await rm(key.path);
    const requests = await login({ agent: agent.path, identitiesOnly: true, identities: [`${key.path}-cert.pub`] });
    expect(requests).toEqual([
      `alice publickey ${algorithmOf(type)} query`,
      `alice publickey-hostbound-v00@openssh.com ${algorithmOf(type)} signed`,
    ]);
  });

  test("with its key, which is in memory", async () => {
    const key = keys.get("ecdsa-256")!;
    const line = await readFile(`${key.path}-cert.pub`, "utf8");
    const certificate = parseCertificate(Buffer.from(line.split(" ")[1]!, "base64"));
    expect(await login({ identities: [{ certificate, key: await readKey(key) }] })).toHaveLength(1);
  });

  test("that the server refuses gives way to its key", async () => {
    const key = await makeKey(folder, "of-bob", "ed25519");
    await certify(key, authorities[0]!, "bob");
    await authorizeKey("alice", key.publicKeyLine);
    expect(await login({ identities: [key.path] })).toEqual([
      `alice publickey ${algorithmOf("ed25519")} signed`,
      "alice publickey ssh-ed25519 signed",
    ]);
  });
});

describe("a security key in ssh-agent", () => {
  test.for([
    ["ed25519-sk", "sk-ssh-ed25519"],
    ["ecdsa-sk", "sk-ecdsa-sha2-nistp256"],
  ] as const)("is found by its key file, plain and with a certificate: %s", async ([type, name]) => {
    const provider = await securityKeyProvider(folder);
    const key = await provider.makeKey(type, type);
    await authorizeKey("alice", key.publicKeyLine);
    await using agent = await startAgent(folder, {}, ["-P", provider.path]);
    await agent.add(key, ["-S", provider.path]);
    const changes = { agent: agent.path, identitiesOnly: true, identities: [key.path] };
    const plain = `${name}@openssh.com`;
    expect(await login(changes)).toEqual([
      `alice publickey ${plain} query`,
      `alice publickey-hostbound-v00@openssh.com ${plain} signed`,
    ]);
    await certify(key, authorities[0]!);
    const certified = `${name}-cert-v01@openssh.com`;
    const requests = [
      `alice publickey ${certified} query`,
      `alice publickey-hostbound-v00@openssh.com ${certified} signed`,
    ];
    expect(await login(changes)).toEqual(requests);
    // The agent holds the certificate, too.
    await agent.add(key, ["-S", provider.path]);
    expect(await login(changes)).toEqual(requests);
  });
});

describe("a security key of the application", () => {
  test.for([
    ["sk-ssh-ed25519@openssh.com", generateEd25519(random)],
    ["sk-ecdsa-sha2-nistp256@openssh.com", generateEcdsa("nistp256", random)],
  ] as const)("%s", async ([name, key]) => {
    const authenticator = new Authenticator(key, name);
    const publicKey = parsePublicKey(authenticator.blob);
    await authorizeKey("alice", formatPublicKeyLine(publicKey));
    const asked: string[] = [];
    const identity: RemoteIdentity = {
      publicKey,
      async sign(algorithm, data, signal) {
        asked.push(`${algorithm} ${signal?.aborted}`);
        return authenticator.sign(data);
      },
    };
    const requests = await login({ identities: [identity] });
    expect(requests.at(-1)).toBe(`alice publickey-hostbound-v00@openssh.com ${name} signed`);
    expect(asked).toEqual([`${name} false`]);
  });
});
