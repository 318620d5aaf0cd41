import { generateKeyPairSync, sign } from "node:crypto";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { formatPrivateKey, formatPublicKeyLine } from "@nacre/keyfiles";
import { defaultSignatureAlgorithms, ed25519, generateEcdsa, generateEd25519, type PrivateKey } from "@nacre/keys";
import { isPrivateKey } from "@nacre/keys/internal";
import { utf8Encode, Writer } from "@nacre/wire";
import type { RemoteIdentity } from "nacre";
import { inSlices } from "nacre/extend";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { agentIdentities } from "../src/keys/agent.ts";
import { type IdentityOptions, loadIdentities } from "../src/keys/identities.ts";
import { privateKey } from "../src/keys/key-file.ts";
import { codeOf, counting, serve, socketPath, temporaryFolder } from "./support.ts";

const random = (length: number): Uint8Array => crypto.getRandomValues(new Uint8Array(length));
const key = generateEd25519(counting);
const other = generateEcdsa("nistp256", counting);
const data = utf8Encode("what is signed");

let home: string;

beforeEach(async () => {
  home = await temporaryFolder();
  await mkdir(join(home, ".ssh"));
  vi.stubEnv("SSH_AUTH_SOCK", undefined);
});

afterEach(() => {
  vi.unstubAllEnvs();
});

/** Returns whether node:crypto uses random ECDSA nonces, so that signatures of equal data differ. */
function hasRandomNonces(): boolean {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return !sign("sha256", data, privateKey).equals(sign("sha256", data, privateKey));
}

/** Writes a key file to the home folder's .ssh and returns its path. */
async function keyFile(
  name: string,
  privateKey: PrivateKey,
  options: { passphrase?: string; format?: "openssh" | "pkcs8" } = {},
): Promise<string> {
  const path = join(home, ".ssh", name);
  const { format = "openssh", passphrase } = options;
  const text = await inSlices(formatPrivateKey(privateKey, { format, passphrase, rounds: 1, random }));
  await writeFile(path, text, { mode: 0o600 });
  return path;
}

/** What a server proved. No agent here verifies it. */
const server = { hostKey: new Uint8Array(1), sessionId: new Uint8Array(2), signature: new Uint8Array(3) };

/** Loads the keys, and asks the agent as a login does. */
async function load(changes: Partial<IdentityOptions> = {}): Promise<readonly (PrivateKey | RemoteIdentity)[]> {
  const { keys } = await loadIdentities({
    identities: undefined,
    agent: undefined,
    passphrase: undefined,
    crypto: "noble",
    random,
    warn: (text, code) => warnings.push(code === undefined ? text : `${code}: ${text}`),
    home,
    signal: new AbortController().signal,
    ...changes,
  });
  return "identities" in keys ? keys.identities : keys.findIdentities(server, login.signal);
}

let login: AbortController;
beforeEach(() => {
  login = new AbortController();
});
afterEach(() => login.abort());

test("a promise may stand for one key or, as `agentIdentities` returns it, for several", async () => {
  const [one, two, three] = [1, 2, 3].map((first) => generateEd25519((length) => new Uint8Array(length).fill(first)));
  const keys = await load({ identities: [Promise.resolve([one!, two!]), Promise.resolve(three!)], agent: false });
  expect(keys).toEqual([one, two, three]);
  const failing = load({ identities: [agentIdentities("/nowhere/at/all")], agent: false });
  await expect(failing).rejects.toMatchObject({ code: "agent-failed" });
});

test("keys sign with the algorithms that are left, and keys without one are left out", async () => {
  const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const rsa = await privateKey(pair.privateKey.export({ type: "pkcs8", format: "pem" }));
  const [limited, ...rest] = await load({ identities: [key, rsa], agent: false, algorithms: ["rsa-sha2-256"] });
  expect(rest).toEqual([]);
  expect(limited!.publicKey.algorithms.map(({ name }) => name)).toEqual(["rsa-sha2-256"]);
  expect(isPrivateKey(limited!) && limited.sign("rsa-sha2-256", data, random)).toEqual(
    rsa.sign("rsa-sha2-256", data, random),
  );
  expect(await load({ identities: [key, rsa], agent: false, algorithms: undefined })).toEqual([key, rsa]);
});

test("waiting for a promise ends with the signal", async () => {
  const loading = codeOf(load({ identities: [new Promise(() => {})], agent: false, signal: AbortSignal.timeout(1) }));
  expect(await loading).toBe("aborted");
});

let warnings: string[] = [];
beforeEach(() => {
  warnings = [];
});

/** Starts an agent that holds these keys and records the keys it signs with. Sets SSH_AUTH_SOCK. */
async function agent(...keys: readonly PrivateKey[]): Promise<void> {
  const path = socketPath(home, "agent");
  await serve((socket) => {
    socket.on("data", () => {
      const answer = new Writer().byte(12).uint32(keys.length);
      for (const { publicKey } of keys) answer.string(publicKey.blob).string("held");
      socket.write(new Writer().string(answer.finish()).finish());
    });
  }, path);
  vi.stubEnv("SSH_AUTH_SOCK", path);
}

const names = (identities: readonly (PrivateKey | RemoteIdentity)[]): string[] =>
  identities.map((one) => `${one.publicKey.format}${"comment" in one ? ` ${one.comment}` : ""}`);

describe("default keys", () => {
  test("are empty without key files", async () => {
    expect(await load()).toEqual([]);
    expect(warnings).toEqual([]);
  });

  test("are read from the account's home folder, not from HOME; without a home folder there are none", async () => {
    await keyFile("id_ed25519", key);
    vi.stubEnv("HOME", home);
    expect(await load({ home: await temporaryFolder() })).toEqual([]);
    expect(await load({ home: undefined })).toEqual([]);
    expect(names(await load())).toEqual(["ssh-ed25519"]);
  });

  test("are skipped with a warning if others can read them", async () => {
    const exposed = await keyFile("id_ed25519", key);
    await keyFile("id_ecdsa", other);
    for (const mode of [0o640, 0o604, 0o620]) {
      await chmod(exposed, mode);
      warnings = [];
      expect(names(await load())).toEqual(["ecdsa-sha2-nistp256"]);
      expect(warnings).toEqual([
        `~/.ssh/id_ed25519: other users can read or write this private key (mode 0${mode.toString(8)}); run \`chmod 600\` on it`,
      ]);
    }
    await chmod(exposed, 0o400);
    expect(names(await load())).toEqual(["ssh-ed25519", "ecdsa-sha2-nistp256"]);
  });

  test("come from the agent first, then from the default files", async () => {
    await keyFile("id_ecdsa", other);
    await keyFile("id_ed25519", key);
    expect(names(await load())).toEqual(["ssh-ed25519", "ecdsa-sha2-nistp256"]);
    await agent(other);
    expect(names(await load())).toEqual(["ecdsa-sha2-nistp256 held", "ssh-ed25519"]);
    expect(names(await load({ agent: false }))).toEqual(["ssh-ed25519", "ecdsa-sha2-nistp256"]);
  });

  test("are skipped with a warning for a missing agent and an invalid key file", async () => {
    vi.stubEnv("SSH_AUTH_SOCK", join(home, "gone"));
    await writeFile(join(home, ".ssh", "id_rsa"), "no key at all\n");
    await keyFile("id_ed25519", key);
    expect(names(await load())).toEqual(["ssh-ed25519"]);
    expect(warnings).toEqual([
      expect.stringMatching(/^agent-failed: cannot use the SSH agent at \S+gone: /),
      expect.stringContaining("~/.ssh/id_rsa: "),
    ]);
  });

  test("are skipped if encrypted and the passphrase is missing or wrong", async () => {
    await keyFile("id_ed25519", key, { passphrase: "right" });
    for (const passphrase of [undefined, "wrong", () => undefined, () => "wrong"]) {
      const [identity] = (await load({ passphrase })) as RemoteIdentity[];
      expect(await identity!.sign("ssh-ed25519", data)).toBeUndefined();
    }
  });

  test("are skipped if fully encrypted and the `.pub` file is missing", async () => {
    const path = await keyFile("id_ecdsa", other, { passphrase: "right", format: "pkcs8" });
    expect(await load({ passphrase: "right" })).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining("id_ecdsa.pub")]);
    await writeFile(`${path}.pub`, formatPublicKeyLine(other.publicKey));
    const [identity] = (await load({ passphrase: "right" })) as RemoteIdentity[];
    expect(await identity!.sign("ecdsa-sha2-nistp256", data)).toBeInstanceOf(Uint8Array);
  });
});

describe("keys in `identities`", () => {
  test("are used as given or read from files, without duplicates", async () => {
    const file = await keyFile("mine", key);
    expect(await load({ identities: [other, file, "~/.ssh/mine", key] })).toEqual([
      other,
      expect.objectContaining({ fields: key.fields }),
    ]);
  });

  test("sign with node:crypto by default, from encrypted and unencrypted files", async () => {
    const files = [await keyFile("mine", key), await keyFile("locked", other, { passphrase: "right" })];
    const found = await load({ crypto: "node", passphrase: "right", identities: files });
    for (const [i, mine] of [key, other].entries()) {
      const { publicKey } = mine;
      const algorithm = defaultSignatureAlgorithms.find(({ name }) => name === publicKey.format)!;
      const one = found[i]!;
      const made = isPrivateKey(one) ? one.sign(algorithm.name, data, random) : await one.sign(algorithm.name, data);
      const signature = made ?? new Uint8Array();
      expect(one.publicKey).toEqual(publicKey);
      expect(algorithm.verify(publicKey.blob, data, signature)).toEqual({});
      // Signatures then differ from noble's deterministic ECDSA, unless this runtime's node:crypto also implements RFC 6979.
      const same = Buffer.compare(signature, mine.sign(algorithm.name, data, random)) === 0;
      expect(same).toBe(algorithm.name === "ssh-ed25519" || !hasRandomNonces());
    }
  });

  test("sign with their own `sign` if they are objects, which may be hardware keys", async () => {
    const sign = vi.fn((algorithm: string, signed: Uint8Array) => other.sign(algorithm, signed, random));
    const own = { ...other, sign };
    const [found] = (await load({ crypto: "node", identities: [own] })) as PrivateKey[];
    expect(found).toBe(own);
    found!.sign("ecdsa-sha2-nistp256", data, random);
    expect(sign).toHaveBeenCalledOnce();
  });

  test("are the only keys, unless `agent` is set too", async () => {
    await agent(other);
    await keyFile("id_ecdsa", other);
    const file = await keyFile("mine", key);
    expect(names(await load({ identities: [file] }))).toEqual(["ssh-ed25519"]);
    expect(names(await load({ identities: [file], agent: true }))).toEqual(["ecdsa-sha2-nistp256 held", "ssh-ed25519"]);
    expect(await load({ identities: [] })).toEqual([]);
  });

  test("are signed by the agent if the file is encrypted or only a public key", async () => {
    await agent(key);
    const locked = await keyFile("locked", key, { passphrase: "secret" });
    expect(names(await load({ identities: [locked] }))).toEqual(["ssh-ed25519 held"]);
    const publicHalf = join(home, "id.pub");
    await writeFile(publicHalf, formatPublicKeyLine(key.publicKey, "mine"));
    expect(names(await load({ identities: [publicHalf] }))).toEqual(["ssh-ed25519 held"]);
  });

  test("are decrypted when needed, with up to three passphrase attempts", async () => {
    const file = await keyFile("locked", key, { passphrase: "right" });
    const asked: unknown[] = [];
    const passphrase = (...question: unknown[]): string => {
      asked.push(question);
      return asked.length < 3 ? "wrong" : "right";
    };
    const [identity] = (await load({ identities: [file], passphrase })) as RemoteIdentity[];
    expect(asked).toEqual([]);
    const signature = await identity!.sign("ssh-ed25519", data);
    expect(ed25519.verify(key.publicKey.blob, data, signature!)).toEqual({});
    await identity!.sign("ssh-ed25519", data);
    expect(asked).toEqual([1, 2, 3].map((attempt) => [file, attempt]));
  });

  test("are rejected if others can read them, in any format, encrypted or not; public keys are accepted", async () => {
    for (const options of [{}, { passphrase: "x" }, { format: "pkcs8" }] as const) {
      const file = await keyFile("exposed", key, options);
      await chmod(file, 0o644);
      const loading = load({ identities: [file] });
      await expect(loading).rejects.toMatchObject({ code: "file-unreadable" });
      await expect(loading).rejects.toThrow(
        `${file}: other users can read or write this private key (mode 0644); run \`chmod 600\` on it`,
      );
      await chmod(file, 0o600);
      expect(await load({ identities: [file], passphrase: "x" })).toHaveLength(1);
    }
    await agent(key);
    const publicHalf = join(home, "id.pub");
    await writeFile(publicHalf, formatPublicKeyLine(key.publicKey), { mode: 0o644 });
    expect(names(await load({ identities: [publicHalf] }))).toEqual(["ssh-ed25519 held"]);
  });

  test.each<[string, IdentityOptions["passphrase"], string]>([
    ["without a passphrase", undefined, "passphrase-needed"],
    ["with an empty passphrase", "", "passphrase-needed"],
    ["with a wrong passphrase", "wrong", "passphrase-wrong"],
    ["with three wrong passphrases", () => "wrong", "passphrase-wrong"],
  ])("fail to sign %s", async (_, passphrase, code) => {
    const file = await keyFile("locked", key, { passphrase: "right" });
    const [identity] = (await load({ identities: [file], passphrase })) as RemoteIdentity[];
    const signing = identity!.sign("ssh-ed25519", data);
    expect(await codeOf(signing)).toBe(code);
    await expect(signing).rejects.toThrow(file);
  });

  test("are skipped if the passphrase function returns undefined", async () => {
    const file = await keyFile("locked", key, { passphrase: "right" });
    const [identity] = (await load({ identities: [file], passphrase: () => undefined })) as RemoteIdentity[];
    expect(await identity!.sign("ssh-ed25519", data)).toBeUndefined();
  });

  test("are decrypted immediately if their public key is unknown", async () => {
    const file = await keyFile("locked", other, { passphrase: "right", format: "pkcs8" });
    expect(names(await load({ identities: [file], passphrase: "right" }))).toEqual(["ecdsa-sha2-nistp256"]);
    expect(await codeOf(load({ identities: [file], passphrase: "wrong" }))).toBe("passphrase-wrong");
    expect(await codeOf(load({ identities: [file] }))).toBe("passphrase-needed");
  });

  test("must match the public key in their `.pub` file", async () => {
    const file = await keyFile("locked", other, { passphrase: "right", format: "pkcs8" });
    await writeFile(`${file}.pub`, formatPublicKeyLine(key.publicKey));
    const [identity] = (await load({ identities: [file], passphrase: "right" })) as RemoteIdentity[];
    expect(await codeOf(identity!.sign("ssh-ed25519", data))).toBe("key-malformed");
  });

  test.each<[string, string | undefined, string]>([
    ["do not exist", undefined, "file-unreadable"],
    ["are not keys", "nothing of the sort\n", "file-malformed"],
    ["are public keys that the agent does not hold", formatPublicKeyLine(key.publicKey), "file-malformed"],
    ["have an unsupported format", "PuTTY-User-Key-File-1: ssh-rsa\n", "key-unsupported"],
  ])("cause an error that names the file if they %s", async (_, text, code) => {
    const file = join(home, "some key");
    if (text !== undefined) await writeFile(file, text, { mode: 0o600 });
    const loading = load({ identities: [file] });
    expect(await codeOf(loading)).toBe(code);
    await expect(loading).rejects.toThrow(`${file}: `);
  });
});

describe("the text of a key instead of a path", () => {
  const lines = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n";
  test.each<[string, unknown]>([
    ["as in the file", lines],
    ["without line breaks", lines.replaceAll("\n", " ")],
    ["longer than any path", lines.replace("c2VjcmV0", "c2VjcmV0".repeat(1000))],
    ["with other text around it", "c2VjcmV0\r"],
    ["in bytes", Buffer.from(lines)],
  ])("causes an error with a remedy and is never shown: %s", async (_, text) => {
    const error: unknown = await load({ identities: [key, text as string] }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "usage",
      message: "an identity is the text of a key; pass `await privateKey(text)`",
    });
    expect(String((error as Error).cause)).not.toContain("c2VjcmV0");
  });

  test("is not shown if given as the agent's socket", async () => {
    await expect(load({ agent: lines })).rejects.toMatchObject({
      code: "usage",
      message: expect.not.stringContaining("c2VjcmV0"),
    });
  });
});

test("decryption is cancelled when the connection ends", async () => {
  const file = await keyFile("locked", key, { passphrase: "right" });
  const over = new AbortController();
  const passphrase = (): string => {
    over.abort(new Error("the connection has ended"));
    return "right";
  };
  const [identity] = (await load({ identities: [file], passphrase, signal: over.signal })) as RemoteIdentity[];
  await expect(identity!.sign("ssh-ed25519", data)).rejects.toThrow("the connection has ended");
});

describe("an agent in the `agent` option", () => {
  test("must be available", async () => {
    expect(await codeOf(load({ agent: true }))).toBe("agent-failed");
    expect(await codeOf(load({ agent: join(home, "none") }))).toBe("agent-failed");
    expect(await codeOf(load({ agent: "~/none" }))).toBe("agent-failed");
  });
});
