import { randomBytes, randomUUID } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { formatPublicKeyLine } from "@nacre/keyfiles";
import { generateEcdsa, generateEd25519, parseCertificate, parsePublicKey } from "@nacre/keys";
import { Authenticator } from "@nacre/testing/authenticator";
import { CERTIFIED_TYPES, certificateAlgorithm, certify, someCertificates } from "@nacre/testing/interop/certificates";
import { type KeyFile, type KeyType, makeKey, readKey, useFolder } from "@nacre/testing/interop/keys";
import { securityKeyProvider } from "@nacre/testing/interop/security-key";
import { failure, useServer } from "@nacre/testing/interop/server";
import { startAgent } from "@nacre/testing/interop/ssh-agent";
import { authorizeKey, containerExec } from "@nacre/testing/openssh/sshd";
import type { RemoteIdentity, TraceRecord } from "nacre";
import { beforeAll, describe, expect, test } from "vitest";
import type { ConnectOptions } from "../../src/index.ts";
import { testClient } from "./support/certificate-matrix.ts";

// Logins at OpenSSH with certificates that ssh-keygen issued, and with security keys.

const random = (length: number): Uint8Array => new Uint8Array(randomBytes(length));
const folder = useFolder();
const trusted = `/tmp/nacre-ca-${randomUUID()}.pub`;
const server = useServer({ config: [`TrustedUserCAKeys ${trusted}`] });
const keys = new Map<KeyType, KeyFile>();
let authorities: readonly KeyFile[];

beforeAll(async () => {
  authorities = await Promise.all(CERTIFIED_TYPES.map((type) => makeKey(folder, `ca-${type}`, type)));
  const lines = authorities.map(({ publicKeyLine }) => `${publicKeyLine}\n`).join("");
  await containerExec(["sh", "-c", `cat > ${trusted} && chmod 644 ${trusted}`], { input: lines });
  for (const [at, type] of CERTIFIED_TYPES.entries()) {
    const key = await makeKey(folder, type, type);
    keys.set(type, key);
    // Each type of key has an authority of another type.
    await certified(key, authorities[(at + 1) % authorities.length]!);
  }
});

/** Writes the certificate beside the key. */
async function certified({ path }: KeyFile, authority: KeyFile, ...words: string[]): Promise<void> {
  await certify(authority, path, ["-I", "alice@test", "-n", "alice", "-z", "7", ...words]);
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

describe("a certificate", () => {
  test.for(CERTIFIED_TYPES)("beside its key file signs at once: %s", async (type) => {
    expect(await login({ identities: [keys.get(type)!.path] })).toEqual([
      `alice publickey ${certificateAlgorithm(type)} signed`,
    ]);
    expect(await server.sshd.log()).toMatch(/Accepted publickey for alice .* ID alice@test \(serial 7\) CA /);
  });

  test.for(CERTIFIED_TYPES)("in ssh-agent: %s", async (type) => {
    await using agent = await startAgent(folder);
    await agent.add(keys.get(type)!);
    const requests = await login({ agent: agent.path, identities: [] });
    expect(requests.at(-1)).toBe(`alice publickey-hostbound-v00@openssh.com ${certificateAlgorithm(type)} signed`);
  });

  test.for(["ed25519", "rsa-3072"] as const)("in a file, with its key in ssh-agent: %s", async (type) => {
    const key = await makeKey(folder, `away-${type}`, type);
    await certified(key, authorities[0]!);
    await using agent = await startAgent(folder);
    await agent.add(key, ["-k"]);
    await rm(key.path);
    const requests = await login({ agent: agent.path, identitiesOnly: true, identities: [`${key.path}-cert.pub`] });
    expect(requests).toEqual([
      `alice publickey ${certificateAlgorithm(type)} query`,
      `alice publickey-hostbound-v00@openssh.com ${certificateAlgorithm(type)} signed`,
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
    await certify(authorities[0]!, key.path, ["-I", "bob@test", "-n", "bob"]);
    await authorizeKey("alice", key.publicKeyLine);
    expect(await login({ identities: [key.path] })).toEqual([
      `alice publickey ${certificateAlgorithm("ed25519")} signed`,
      "alice publickey ssh-ed25519 signed",
    ]);
  });
});

// `test/verify` has all cases.
testClient(someCertificates());

const SECURITY_KEYS = [
  ["ed25519-sk", "sk-ssh-ed25519"],
  ["ecdsa-sk", "sk-ecdsa-sha2-nistp256"],
] as const;

describe("a security key in ssh-agent", () => {
  test.for(SECURITY_KEYS)("is found by its key file, plain and with a certificate: %s", async ([type, name]) => {
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
    await certified(key, authorities[0]!);
    const ofCertificate = `${name}-cert-v01@openssh.com`;
    const requests = [
      `alice publickey ${ofCertificate} query`,
      `alice publickey-hostbound-v00@openssh.com ${ofCertificate} signed`,
    ];
    expect(await login(changes)).toEqual(requests);
    // The agent holds the certificate, too.
    await agent.add(key, ["-S", provider.path]);
    expect(await login(changes)).toEqual(requests);
  });
});

describe("a security key in ssh-agent that nobody touches", () => {
  test.for(SECURITY_KEYS)("logs in only if its line or its certificate permits that: %s", async ([type]) => {
    const provider = await securityKeyProvider(folder);
    await using agent = await startAgent(folder, {}, ["-P", provider.path]);
    const add = async (name: string, lineOptions: string): Promise<Partial<ConnectOptions> & { key: KeyFile }> => {
      const key = await provider.makeKey(`${type}-${name}`, type, ["no-touch-required"]);
      await authorizeKey("alice", `${lineOptions}${key.publicKeyLine}`);
      await agent.add(key, ["-S", provider.path]);
      return { key, agent: agent.path, identitiesOnly: true, identities: [key.path] };
    };
    const { key, ...refused } = await add("refused", "");
    const { key: _, ...permitted } = await add("permitted", "no-touch-required ");
    expect((await failure(server.connect(refused))).code).toBe("auth-failed");
    expect(await login(permitted)).toHaveLength(2);
    await certified(key, authorities[0]!);
    expect((await failure(server.connect(refused))).code).toBe("auth-failed");
    await certified(key, authorities[0]!, "-O", "no-touch-required");
    expect(await login(refused)).toHaveLength(2);
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
