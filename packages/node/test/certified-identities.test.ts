import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatPrivateKey, formatPublicKeyLine } from "@nacre/keyfiles";
import {
  type CertificateOptions,
  certificateKey,
  defaultCertificateAlgorithms,
  generateEcdsa,
  generateEd25519,
  generateRsa,
  issueCertificate,
  type PrivateKey,
  parseCertificate,
  parsePublicKey,
} from "@nacre/keys";
import { isPrivateKey } from "@nacre/keys/internal";
import { securityKeyFiles } from "@nacre/testing/openssh-keys";
import { base64Decode, utf8Encode, Writer } from "@nacre/wire";
import type { RemoteIdentity } from "nacre";
import { inSlices } from "nacre/extend";
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { createAgent } from "../src/index.ts";
import { agentIdentities } from "../src/keys/agent.ts";
import { type IdentityOptions, loadIdentities } from "../src/keys/identities.ts";
import { reachable } from "./agent-support.ts";
import { counting, serve, socketPath, temporaryFolder } from "./support.ts";

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
const authority = generateEd25519(random);
const key = generateEd25519(counting);
const other = generateEcdsa("nistp256", counting);
const data = utf8Encode("what is signed");
const YEAR_2100 = 4_102_444_800n;

function certify({ publicKey }: PrivateKey, changes: Partial<CertificateOptions> = {}): Uint8Array {
  return issueCertificate(authority, {
    publicKey,
    type: "user",
    keyId: "alice@laptop",
    principals: ["alice"],
    serial: 7n,
    validBefore: YEAR_2100,
    random,
    ...changes,
  });
}

let home: string;
let warnings: string[];
let login: AbortController;

beforeEach(async () => {
  home = await temporaryFolder();
  await mkdir(join(home, ".ssh"));
  warnings = [];
  login = new AbortController();
});
afterEach(() => login.abort());

const pathOf = (name: string): string => join(home, ".ssh", name);

async function keyFile(name: string, privateKey: PrivateKey, passphrase?: string): Promise<string> {
  const text = await inSlices(formatPrivateKey(privateKey, { format: "openssh", passphrase, rounds: 1, random }));
  await writeFile(pathOf(name), text, { mode: 0o600 });
  return pathOf(name);
}

async function publicFile(name: string, blob: Uint8Array): Promise<string> {
  await writeFile(pathOf(name), `${formatPublicKeyLine(parsePublicKey(blob), "comment")}\n`);
  return pathOf(name);
}

type Keys = readonly (PrivateKey | RemoteIdentity)[];

async function load(changes: Partial<IdentityOptions> = {}): Promise<Keys> {
  const { keys } = await loadIdentities({
    identities: undefined,
    agent: false,
    passphrase: undefined,
    crypto: "noble",
    random,
    warn: (text) => warnings.push(text),
    home,
    signal: login.signal,
    ...changes,
  });
  const server = { hostKey: new Uint8Array(1), sessionId: new Uint8Array(2), signature: new Uint8Array(3) };
  return "identities" in keys ? keys.identities : keys.findIdentities(server, login.signal);
}

const formats = (keys: Keys): string[] => keys.map(({ publicKey }) => publicKey.format);
const CERTIFIED = "ssh-ed25519-cert-v01@openssh.com";

/** Whether the key signs what its certificate's algorithm accepts, with its first algorithm. */
async function signs(identity: PrivateKey | RemoteIdentity): Promise<boolean> {
  const { name } = identity.publicKey.algorithms[0]!;
  const algorithm = defaultCertificateAlgorithms.find((one) => one.name === name)!;
  const signature = isPrivateKey(identity)
    ? identity.sign(name, data, random)
    : await identity.sign(name, Uint8Array.from(data));
  return algorithm.verify(identity.publicKey.blob, data, signature!) !== undefined;
}

async function agentWith(...held: { privateKey: PrivateKey; certificate?: Uint8Array }[]): Promise<string> {
  const agent = createAgent();
  onTestFinished(() => agent.close());
  for (const { privateKey, certificate } of held) await agent.add(privateKey, { certificate });
  return reachable(agent);
}

describe("a certificate beside a key file", () => {
  test.each([
    ["a default key", undefined],
    ["a named key", ["id_ed25519"]],
  ])("is tried before the key: %s", async (_, named) => {
    await keyFile("id_ed25519", key);
    await publicFile("id_ed25519-cert.pub", certify(key));
    const keys = await load({ identities: named?.map(pathOf) });
    expect(formats(keys)).toEqual([CERTIFIED, "ssh-ed25519"]);
    // Both are the same key, which a login needs to know in order to sign at once.
    expect(keys[0]!.publicKey.certifies).toEqual(keys[1]!.publicKey);
    expect(await signs(keys[0]!)).toBe(true);
    expect(warnings).toEqual([]);
  });

  test("asks for the passphrase of its key once", async () => {
    await keyFile("id_ed25519", key, "secret");
    await publicFile("id_ed25519-cert.pub", certify(key));
    let asked = 0;
    const passphrase = (): string => {
      asked++;
      return "secret";
    };
    const keys = await load({ passphrase });
    expect(formats(keys)).toEqual([CERTIFIED, "ssh-ed25519"]);
    expect(await signs(keys[0]!)).toBe(true);
    await (keys[1] as RemoteIdentity).sign("ssh-ed25519", Uint8Array.from(data));
    expect(asked).toBe(1);
  });

  test("signs with rsa-sha2-512 for an RSA key", async () => {
    const rsa = await inSlices(generateRsa(2048, random));
    await keyFile("id_rsa", rsa);
    await publicFile("id_rsa-cert.pub", certify(rsa));
    const [certified] = await load();
    expect(certified!.publicKey.algorithms[0]!.name).toBe("rsa-sha2-512-cert-v01@openssh.com");
    expect(await signs(certified!)).toBe(true);
  });

  test("is skipped with a warning if it is for a host or of another key", async () => {
    await keyFile("id_ed25519", key);
    await publicFile("id_ed25519-cert.pub", certify(key, { type: "host" }));
    expect(formats(await load())).toEqual(["ssh-ed25519"]);
    expect(warnings).toEqual([
      expect.stringMatching(/"alice@laptop" of SHA256:\S+ \(serial 7, .* is for a host, not for a user$/),
    ]);
    await publicFile("id_ed25519-cert.pub", certify(other));
    expect(formats(await load())).toEqual(["ssh-ed25519"]);
    expect(warnings[1]).toMatch(/is not that of ~\/\.ssh\/id_ed25519$/);
  });

  test("is tried although it has expired, with a warning that describes it", async () => {
    await keyFile("id_ed25519", key);
    await publicFile("id_ed25519-cert.pub", certify(key, { validAfter: 60n, validBefore: 120n, keyId: "a\nb" }));
    expect(formats(await load())).toEqual([CERTIFIED, "ssh-ed25519"]);
    expect(warnings).toEqual([
      expect.stringMatching(
        /^~\/\.ssh\/id_ed25519-cert\.pub: the certificate "a\\x0ab" of SHA256:\S+ \(serial 7, signed by SHA256:\S+, for alice, valid from 1970-01-01T00:01:00Z to 1970-01-01T00:02:00Z\) has expired$/,
      ),
    ]);
  });

  test("is not looked for if certificates are named", async () => {
    await keyFile("id_ed25519", key);
    await keyFile("id_ecdsa", other);
    await publicFile("id_ed25519-cert.pub", certify(key));
    const certificateFiles = [await publicFile("mine", certify(other)), pathOf("missing")];
    expect(formats(await load({ certificateFiles }))).toEqual([
      "ecdsa-sha2-nistp256-cert-v01@openssh.com",
      "ssh-ed25519",
      "ecdsa-sha2-nistp256",
    ]);
  });
});

describe("a certificate by name", () => {
  test("finds its private key beside it or among the other keys", async () => {
    const file = await publicFile("id-cert.pub", certify(key));
    await keyFile("id", key);
    const [beside] = await load({ identities: [file] });
    expect(await signs(beside!)).toBe(true);
    await rm(pathOf("id"));
    await keyFile("elsewhere", key);
    const keys = await load({ identities: [file, pathOf("elsewhere")] });
    expect(formats(keys)).toEqual([CERTIFIED, "ssh-ed25519"]);
    expect(await signs(keys[0]!)).toBe(true);
  });

  test("without its private key is an error that names it", async () => {
    const file = await publicFile("id-cert.pub", certify(key));
    await expect(load({ identities: [file] })).rejects.toMatchObject({
      code: "file-unreadable",
      message: expect.stringContaining('"alice@laptop"'),
    });
  });

  test("may be given with its key, which may be elsewhere", async () => {
    const certificate = parseCertificate(certify(key));
    const [memory] = await load({ identities: [{ certificate, key }] });
    expect(await signs(memory!)).toBe(true);
    const remote: RemoteIdentity = {
      publicKey: key.publicKey,
      sign: async (algorithm, bytes) => key.sign(algorithm, bytes, random),
    };
    const [elsewhere] = await load({ identities: [{ certificate, key: remote }] });
    expect(elsewhere!.publicKey).toEqual(certificateKey(certificate));
    expect(await signs(elsewhere!)).toBe(true);
    await expect(load({ identities: [{ certificate, key: other }] })).rejects.toMatchObject({ code: "usage" });
    const line = base64Decode("AAAA") as unknown as typeof certificate;
    await expect(load({ identities: [{ certificate: line, key }] })).rejects.toMatchObject({ code: "usage" });
  });
});

describe("an agent", () => {
  test("signs for a certificate file whether it holds the certificate or only the key", async () => {
    const blob = certify(key);
    const file = await publicFile("id-cert.pub", blob);
    for (const held of [{ privateKey: key }, { privateKey: key, certificate: blob }]) {
      const agent = await agentWith(held);
      const keys = await load({ identities: [file], agent, identitiesOnly: true });
      expect(formats(keys)).toEqual([CERTIFIED]);
      expect(await signs(keys[0]!)).toBe(true);
    }
  });

  test("has certificates as identities, but none of hosts", async () => {
    const agent = await agentWith(
      { privateKey: key, certificate: certify(key) },
      { privateKey: other },
      { privateKey: other, certificate: certify(other, { type: "host" }) },
    );
    const keys = await load({ agent });
    expect(formats(keys)).toEqual([CERTIFIED, "ecdsa-sha2-nistp256"]);
    expect(await signs(keys[0]!)).toBe(true);
    expect(formats(await agentIdentities(agent))).toEqual([CERTIFIED, "ecdsa-sha2-nistp256"]);
  });
});

test("an agent of this process takes the certificate beside a key file, as ssh-add does", async () => {
  const agent = createAgent();
  onTestFinished(() => agent.close());
  const file = await keyFile("id_ed25519", key);
  await publicFile("id_ed25519-cert.pub", certify(other));
  await agent.add(file);
  expect(agent.keys().map(({ publicKey }) => publicKey)).toEqual([key.publicKey.blob]);
  const blob = certify(key);
  await publicFile("id_ed25519-cert.pub", blob);
  await agent.add(file, { comment: "mine" });
  expect(agent.keys()).toEqual([
    { publicKey: key.publicKey.blob, comment: "mine" },
    { publicKey: blob, comment: "mine" },
  ]);
});

/** Starts an agent that lists these keys, and signs nothing. */
async function listing(...blobs: readonly Uint8Array[]): Promise<string> {
  const path = socketPath(home, "listing");
  await serve((socket) => {
    socket.on("data", () => {
      const answer = new Writer().byte(12).uint32(blobs.length);
      for (const one of blobs) answer.string(one).string("held");
      socket.write(new Writer().string(answer.finish()).finish());
    });
  }, path);
  return path;
}

describe("a security key", () => {
  const { text, blob } = securityKeyFiles.find(({ name }) => name === "ed25519_sk1")!;

  test("is found in the agent by its private key file, encrypted or not", async () => {
    const agent = await listing(key.publicKey.blob, blob);
    for (const name of ["ed25519_sk1", "ed25519_sk1_pw"]) {
      const file = pathOf(name);
      await writeFile(file, securityKeyFiles.find((one) => one.name === name)!.text, { mode: 0o600 });
      const keys = await load({ identities: [file], agent, identitiesOnly: true });
      expect(keys.map(({ publicKey }) => publicKey.blob)).toEqual([blob]);
      await expect(load({ identities: [file] })).rejects.toMatchObject({
        code: "key-unsupported",
        message: expect.stringContaining("ssh-agent"),
      });
    }
  });

  test("is found with its certificate", async () => {
    const publicKey = parsePublicKey(blob);
    const certificate = certify({ publicKey } as PrivateKey);
    await writeFile(pathOf("id_ed25519_sk"), text, { mode: 0o600 });
    await publicFile("id_ed25519_sk-cert.pub", certificate);
    const keys = await load({ agent: await listing(blob), identitiesOnly: true });
    expect(formats(keys)).toEqual(["sk-ssh-ed25519-cert-v01@openssh.com", "sk-ssh-ed25519@openssh.com"]);
  });

  test("does not disturb a login without an agent that has it", async () => {
    await writeFile(pathOf("id_ed25519_sk"), text, { mode: 0o600 });
    await keyFile("id_ecdsa", other);
    expect(formats(await load())).toEqual(["ecdsa-sha2-nistp256"]);
    expect(warnings).toEqual([]);
  });

  test("is not hidden by keys of unknown formats", async () => {
    const unknown = new Writer().string("ssh-unknown@example.org").string("?").finish();
    const uncertified = new Writer().string("ssh-unknown-cert-v01@openssh.com").string("?").finish();
    const agent = await listing(
      unknown,
      Uint8Array.of(1),
      uncertified,
      blob,
      certify(key).subarray(1),
      key.publicKey.blob,
    );
    expect(formats(await load({ agent }))).toEqual(["sk-ssh-ed25519@openssh.com", "ssh-ed25519"]);
  });
});
